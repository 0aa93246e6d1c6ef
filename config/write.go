package config

import (
	"reflect"

	"go.yaml.in/yaml/v4"
)

// YAML writes c as a configuration file that Parse reads as the same Config, or
// refuses if c was built by hand and holds what no file may. Defaults are written
// out, but for those of the features.
func (c *Config) YAML() []byte { return dump(objectNode(keys(c))) }

// Draft writes c as YAML does, but without what Default has, and with comments
// by key, such as record.series or features[2].
func (c *Config) Draft(comments map[string]Comment) []byte {
	root := objectNode(keys(c))
	drop(root, objectNode(keys(c.defaults())))
	version := []*yaml.Node{scalarNode("!!str", "version"), scalarNode("!!int", "1")}
	root.Content = append(version, root.Content...)
	annotate(root, "", comments)
	return dump(root)
}

// defaults returns what c would be if it said nothing: parts that are written only
// beside a key without a default have another value there.
func (c *Config) defaults() *Config {
	d := Default()
	if !c.Cutoff.EventTime.IsZero() {
		d.Cutoff.EventTime = c.Cutoff.EventTime.AddDate(1, 0, 0)
	}
	if c.Source.Kafka != nil {
		topic := NewKafkaSource()
		d.Source.Kafka = &topic
	}
	return d
}

// A Comment is what stands around a key, each part of one line or several. Beside
// is behind the key's value, which is to take one line.
type Comment struct{ Above, Beside, Below string }

func dump(root *yaml.Node) []byte {
	for i := 1; i < len(root.Content); i += 2 {
		flow(root.Content[i], 1)
	}
	out, err := yaml.Dump(root, yaml.WithLineWidth(-1), yaml.WithCompactSeqIndent(false))
	if err != nil {
		return nil // the nodes are all of kinds that YAML has
	}
	return out
}

// drop removes the keys of a mapping whose values the defaults have.
func drop(n, defaults *yaml.Node) {
	had := map[string]*yaml.Node{}
	for i := 0; i+1 < len(defaults.Content); i += 2 {
		had[defaults.Content[i].Value] = defaults.Content[i+1]
	}
	var kept []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		def := had[key.Value]
		if def != nil && value.Kind == yaml.MappingNode && def.Kind == yaml.MappingNode {
			drop(value, def)
			if len(value.Content) == 0 {
				continue
			}
		} else if reflect.DeepEqual(value, def) {
			continue
		}
		kept = append(kept, key, value)
	}
	n.Content = kept
}

// annotate puts the comments around the keys and elements below a path.
func annotate(n *yaml.Node, path string, comments map[string]Comment) {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, value := n.Content[i], n.Content[i+1]
			at := join(path, key.Value)
			c := comments[at]
			key.HeadComment, value.LineComment, key.FootComment = c.Above, c.Beside, c.Below
			annotate(value, at, comments)
		}
	case yaml.SequenceNode:
		for i, value := range n.Content {
			at := element(path, i)
			c := comments[at]
			value.HeadComment, value.LineComment, value.FootComment = c.Above, c.Beside, c.Below
			annotate(value, at, comments)
		}
	}
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
