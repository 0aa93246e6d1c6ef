package config

import "go.yaml.in/yaml/v4"

// YAML writes c as a configuration file that Parse reads as the same Config, or
// refuses if c was built by hand and holds what no file may. Defaults are written
// out, but for those of the features.
func (c *Config) YAML() []byte {
	root := objectNode(keys(c))
	for i := 1; i < len(root.Content); i += 2 {
		flow(root.Content[i], 1)
	}
	out, err := yaml.Dump(root, yaml.WithLineWidth(-1), yaml.WithCompactSeqIndent(false))
	if err != nil {
		return nil // the nodes are all of kinds that YAML has
	}
	return out
}

// flow sets mappings below the second level on one line, and lists above it on
// one line for each element.
func flow(n *yaml.Node, level int) {
	switch {
	case n.Kind == yaml.MappingNode && level > 1:
		n.Style = yaml.FlowStyle
	case n.Kind == yaml.SequenceNode && level == 1:
		n.Style = 0
	}
	for _, c := range n.Content {
		flow(c, level+1)
	}
}
