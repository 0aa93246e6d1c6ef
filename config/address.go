package config

import (
	"net"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"
)

// broker is the address of a broker.
func broker(dst *string) kind {
	return text(dst, "a broker such as kafka-1:9092 or [::1]:9092", func(v value) (string, bool) {
		switch {
		case strings.Contains(v.text, ","):
			return "each broker is an element of the list", false
		case strings.Contains(v.text, "://"):
			return "leave out the scheme; the key tls turns TLS on", false
		case !strings.Contains(v.text, ":"):
			return "it has no port; Kafka's own is 9092", false
		}
		host, port, ok := splitAddress(v.text)
		return "", ok && host != "" && port > 0
	})
}

// listen is an address to listen on; off is none, which is the empty text.
func listen(dst *string) kind {
	return kind{
		name: "an address such as 127.0.0.1:8477 or :8477, or off",
		scalar: func(v value) (string, bool) {
			switch _, _, ok := splitAddress(v.text); {
			case !v.isText():
				return "", false
			case v.text == "off" || v.text == "":
				*dst = ""
			case ok:
				*dst = v.text
			case !strings.Contains(v.text, ":"):
				return "a port stands behind a colon", false
			default:
				return "", false
			}
			return "", true
		},
		write: func() *yaml.Node {
			if *dst == "" {
				return scalarNode("!!str", "off")
			}
			return scalarNode("!!str", escapeDollars(*dst))
		},
		schema: func() dict { return dict{"type": "string"} },
	}
}

var host = regexp.MustCompile(`^[a-zA-Z0-9._:%-]*$`)

// splitAddress splits host:port. The host may be empty and the port 0.
func splitAddress(s string) (name string, port int64, ok bool) {
	name, digitsOf, err := net.SplitHostPort(s)
	port, whole := digits(digitsOf)
	return name, port, err == nil && whole && port <= 65535 && host.MatchString(name)
}
