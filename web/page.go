package web

import (
	"bytes"
	"html/template"
	"net/http"

	"tare/stream"
)

// pageHTML needs no script and no style, which the headers forbid.
const pageHTML = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="refresh" content="5">
<meta name="color-scheme" content="light dark">
<title>{{.Pipeline}} {{.Revision}}: {{.Phase}}</title>
</head>
<body>
<h1>{{.Pipeline}}, revision {{.Revision}}</h1>
{{with .Error}}<p><strong>Failed: {{.}}</strong></p>
{{end}}<p>{{.Phase}}, {{if not .Ready}}not {{end}}ready. Topic {{.Topic}}.{{with .Artifact}} Artifact {{.}}.{{end}}</p>
<table border="1" cellpadding="4">
<tr><th>partition</th><th>phase</th><th>lag</th><th>next</th><th>end</th><th>event time</th><th>series</th><th>learned</th><th>late *</th><th>rejected *</th><th>written</th></tr>
{{range .Partitions}}<tr align="right"><td>{{.Partition}}</td><td>{{.Phase}}</td><td>{{if ge .Lag 0}}{{.Lag}}{{else}}unknown{{end}}</td><td>{{.Next}}</td><td>{{if ge .End 0}}{{.End}}{{else}}unknown{{end}}</td><td>{{if not .Newest.IsZero}}{{.Newest.UTC.Format "2006-01-02 15:04:05Z"}}{{end}}</td><td>{{.Series}}</td><td>{{.Fit.Train}}</td><td>{{.Late}}</td><td>{{.Rejected}}</td><td>{{.Normalize.Written}}</td></tr>
{{end}}</table>
<p>* of the pass that the partition is in</p>
<p><a href="/api/status">status as JSON</a>, <a href="/metrics">metrics</a>, <a href="/healthz">health</a>, <a href="/readyz">readiness</a></p>
</body>
</html>
`

// newPage returns what shows a Status to people.
func newPage() func(http.ResponseWriter, stream.Status) {
	t := template.Must(template.New("page").Parse(pageHTML))
	return func(w http.ResponseWriter, s stream.Status) {
		var page bytes.Buffer
		if err := t.Execute(&page, view(&s)); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Write(page.Bytes())
	}
}

// view shows the partitions as pointers, because their methods want one.
func view(s *stream.Status) any {
	type shown struct {
		*stream.Status
		Partitions []*stream.PartitionStatus
	}
	v := shown{Status: s}
	for i := range s.Partitions {
		v.Partitions = append(v.Partitions, &s.Partitions[i])
	}
	return v
}
