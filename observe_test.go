package tare_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http/httptest"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.yaml.in/yaml/v4"

	"tare/config"
	"tare/fit"
	"tare/metrics"
	"tare/stream"
	"tare/web"
)

// What is deployed for observation names metrics, paths, ports, files and
// sections of a page. These tests hold them against each other; make
// metrics-test gives the rules to promtool.

const operations = "docs/operations.md"

func text(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func readYAML(t *testing.T, name string, into any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(text(t, name)), into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// TestMetricsLint shows every metric to Prometheus' own lint.
func TestMetricsLint(t *testing.T) {
	at := time.Unix(1, 0)
	p := stream.PartitionStatus{CommittedAt: at, Newest: at, Watermark: at, CheckpointAt: at, Seal: &fit.Seal{}}
	p.Fit.Train = 1
	s := stream.Status{Artifact: "a", Started: at, FrozenAt: at, Cutoff: at, Retries: map[string]int64{"fetch": 1}, Partitions: []stream.PartitionStatus{p}}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(metrics.New(func() stream.Status { return s }))
	problems, err := testutil.GatherAndLint(registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	families, err := registry.Gather()
	if err != nil || len(families) != len(metrics.Table()) {
		t.Errorf("%d metrics shown, want all %d; %v", len(families), len(metrics.Table()), err)
	}
}

// TestOperationsPage wants a row of each metric and a section of each alert.
func TestOperationsPage(t *testing.T) {
	page := text(t, operations)
	for _, m := range metrics.Table() {
		if row := fmt.Sprintf("| `%s` | %s | %s |\n", m.Name, strings.Join(m.Labels, ", "), m.Help); !strings.Contains(page, row) {
			t.Errorf("%s lacks the row\n%s", operations, row)
		}
	}
	var anchors []string
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(page, -1) {
		anchors = append(anchors, strings.ReplaceAll(strings.ToLower(m[1]), " ", "-"))
	}
	for _, m := range regexp.MustCompile(`\]\(#([^)]*)\)`).FindAllStringSubmatch(page, -1) {
		if !slices.Contains(anchors, m[1]) {
			t.Errorf("%s links to #%s, which is not there", operations, m[1])
		}
	}
	for _, rule := range alerts(t) {
		if want := operations + "#" + strings.ToLower(rule.Alert); rule.Annotations["runbook_url"] != want || !slices.Contains(anchors, strings.ToLower(rule.Alert)) {
			t.Errorf("%s: runbook_url is %q, want %q and a section ### %[1]s", rule.Alert, rule.Annotations["runbook_url"], want)
		}
	}
}

type alert struct {
	Alert, Expr string
	Labels      map[string]string
	Annotations map[string]string
}

func alerts(t *testing.T) (all []alert) {
	t.Helper()
	var file struct {
		Groups []struct{ Rules []alert }
	}
	readYAML(t, "deploy/prometheus/alerts.yml", &file)
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	if len(all) < 10 {
		t.Fatalf("%d alerts", len(all))
	}
	return all
}

func TestAlerts(t *testing.T) {
	tests := text(t, "deploy/prometheus/alerts_test.yml")
	for _, rule := range alerts(t) {
		checkNames(t, rule.Alert, rule.Expr)
		if rule.Annotations["summary"] == "" || rule.Annotations["description"] == "" {
			t.Errorf("%s lacks a summary or a description", rule.Alert)
		}
		if s := rule.Labels["severity"]; s != "warning" && s != "critical" {
			t.Errorf("%s has severity %q, want warning or critical", rule.Alert, s)
		}
		if !strings.Contains(tests, "- name: "+rule.Alert+"\n") || !strings.Contains(tests, `"`+rule.Alert+" does not fire") {
			t.Errorf("%s has no tests", rule.Alert)
		}
	}
}

// checkNames wants every metric of ours in an expression to exist, and labels
// that it has.
func checkNames(t *testing.T, where, expr string) {
	t.Helper()
	for _, m := range regexp.MustCompile(`(tare_\w+)(\{[^}]*\})?`).FindAllStringSubmatch(expr, -1) {
		table := metrics.Table()
		i := slices.IndexFunc(table, func(of metrics.Metric) bool { return of.Name == m[1] })
		if i < 0 {
			t.Errorf("%s: there is no metric %s", where, m[1])
			continue
		}
		for _, l := range regexp.MustCompile(`(\w+)(=~|=|!=|!~)"`).FindAllStringSubmatch(m[2], -1) {
			if !slices.Contains(append([]string{"job", "instance"}, table[i].Labels...), l[1]) {
				t.Errorf("%s: %s has no label %s", where, m[1], l[1])
			}
		}
	}
}

func TestDashboard(t *testing.T) {
	var board struct {
		UID    string
		Panels []struct {
			ID          int
			Title       string
			Description string
			Targets     []struct{ Expr string }
		}
		Annotations struct{ List []struct{ Expr string } }
		Templating  struct{ List []struct{ Name string } }
	}
	if err := json.Unmarshal([]byte(text(t, "deploy/grafana/dashboard.json")), &board); err != nil {
		t.Fatal(err)
	}
	if board.UID != "tare" || len(board.Panels) < 10 {
		t.Errorf("uid %q, %d panels", board.UID, len(board.Panels))
	}
	var variables []string
	for _, v := range board.Templating.List {
		variables = append(variables, v.Name)
	}
	if !slices.Equal(variables, []string{"datasource", "job", "instance"}) {
		t.Errorf("variables %v", variables)
	}
	seen := map[int]bool{}
	for _, p := range board.Panels {
		if seen[p.ID] || p.Description == "" || len(p.Targets) == 0 {
			t.Errorf("panel %q: id %d twice, or no description, or nothing to show", p.Title, p.ID)
		}
		seen[p.ID] = true
		for _, target := range p.Targets {
			checkNames(t, p.Title, target.Expr)
		}
	}
	for _, a := range board.Annotations.List {
		checkNames(t, "annotation", a.Expr)
	}
}

type service struct {
	Image, Hostname string
	Build           string
	Command         []string
	Ports, Volumes  []string
	DependsOn       any `yaml:"depends_on"`
	Environment     map[string]string
}

func compose(t *testing.T) (services map[string]service, volumes map[string]any) {
	t.Helper()
	var file struct {
		Services map[string]service
		Volumes  map[string]any
	}
	readYAML(t, "docker-compose.yml", &file)
	return file.Services, file.Volumes
}

var pinned = regexp.MustCompile(`^[a-z0-9./-]+:v?\d+\.\d+\.\d+(-[a-z]+)?$`)

func TestCompose(t *testing.T) {
	services, volumes := compose(t)
	for name, s := range services {
		if s.Build == "" && !pinned.MatchString(s.Image) {
			t.Errorf("%s: image %q is not pinned to a version", name, s.Image)
		}
		for _, p := range s.Ports {
			if !strings.HasPrefix(p, "127.0.0.1:") {
				t.Errorf("%s: port %s is published beyond loopback", name, p)
			}
		}
		for _, v := range s.Volumes {
			from, _, _ := strings.Cut(v, ":")
			_, named := volumes[from]
			if _, err := os.Stat(from); !named && err != nil {
				t.Errorf("%s: volume %s: %v", name, v, err)
			}
		}
		for _, other := range needs(s.DependsOn) {
			if _, ok := services[other]; !ok {
				t.Errorf("%s depends on %s, which is no service", name, other)
			}
		}
	}
}

// needs reads both forms of depends_on.
func needs(dependsOn any) (names []string) {
	switch d := dependsOn.(type) {
	case map[string]any:
		for name := range d {
			names = append(names, name)
		}
	case []any:
		for _, name := range d {
			names = append(names, name.(string))
		}
	}
	return names
}

// mounted returns the file of the tree that a service sees at target.
func mounted(s service, target string) string {
	for _, v := range s.Volumes {
		parts := strings.Split(v, ":")
		if rest, ok := strings.CutPrefix(target, parts[1]); ok && (rest == "" || rest[0] == '/') {
			return path.Clean(parts[0] + rest)
		}
	}
	return ""
}

// TestComposePipeline follows tare's configuration to Kafka, the state and
// Prometheus.
func TestComposePipeline(t *testing.T) {
	services, _ := compose(t)
	tare := services["tare"]
	name := mounted(tare, tare.Command[slices.Index(tare.Command, "-c")+1])
	c, err := config.Load(name, os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(c.HTTP.Listen)
	if err != nil || host != "0.0.0.0" {
		t.Errorf("http.listen is %q, %v", c.HTTP.Listen, err)
	}
	if want := fmt.Sprintf("127.0.0.1:%s:%[1]s", port); !slices.Contains(tare.Ports, want) {
		t.Errorf("tare publishes %v, want %s", tare.Ports, want)
	}
	if broker := c.Source.Kafka.Brokers[0]; !strings.Contains(services["kafka"].Environment["KAFKA_ADVERTISED_LISTENERS"], "://"+broker+",") {
		t.Errorf("Kafka does not advertise %s", broker)
	}
	if plant := services["plant"].Command; !slices.Contains(plant, c.Source.Kafka.Brokers[0]) {
		t.Errorf("the plant writes elsewhere: %v", plant)
	}
	if !slices.Contains(tare.Volumes, "tare:"+c.State.Dir) || !strings.Contains(text(t, "Dockerfile"), "nonroot:nonroot /out/state "+c.State.Dir+"\n") {
		t.Errorf("state.dir %s is no volume of the service, or not its user's", c.State.Dir)
	}
	var scrape struct {
		RuleFiles     []string `yaml:"rule_files"`
		ScrapeConfigs []struct {
			StaticConfigs []struct{ Targets []string } `yaml:"static_configs"`
		} `yaml:"scrape_configs"`
	}
	readYAML(t, mounted(services["prometheus"], "/etc/prometheus/prometheus.yml"), &scrape)
	if got, want := scrape.ScrapeConfigs[0].StaticConfigs[0].Targets, tare.Hostname+":"+port; !slices.Equal(got, []string{want}) {
		t.Errorf("Prometheus scrapes %v, want %s: other hosts are refused", got, want)
	}
	for _, f := range scrape.RuleFiles {
		if got := mounted(services["prometheus"], "/etc/prometheus/"+f); got != "deploy/prometheus/"+f {
			t.Errorf("rule file %s is %q", f, got)
		}
	}
}

// TestComposeGrafana follows the provisioning to the dashboard and Prometheus.
func TestComposeGrafana(t *testing.T) {
	services, _ := compose(t)
	grafana := services["grafana"]
	var sources struct {
		Datasources []struct{ Type, URL string }
	}
	readYAML(t, mounted(grafana, "/etc/grafana/provisioning/datasources/prometheus.yml"), &sources)
	if d := sources.Datasources[0]; d.Type != "prometheus" || d.URL != "http://prometheus:9090" {
		t.Errorf("datasource %+v", d)
	}
	var providers struct {
		Providers []struct{ Options struct{ Path string } }
	}
	readYAML(t, mounted(grafana, "/etc/grafana/provisioning/dashboards/tare.yml"), &providers)
	folder := providers.Providers[0].Options.Path
	if got := mounted(grafana, folder+"/dashboard.json"); got != "deploy/grafana/dashboard.json" {
		t.Errorf("%s/dashboard.json is %q", folder, got)
	}
	if home := grafana.Environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]; home != folder+"/dashboard.json" {
		t.Errorf("the home dashboard is %s", home)
	}
}

func TestDockerfile(t *testing.T) {
	file := text(t, "Dockerfile")
	var bases []string
	for _, m := range regexp.MustCompile(`(?m)^FROM (\S+)`).FindAllStringSubmatch(file, -1) {
		bases = append(bases, m[1])
	}
	if len(bases) != 2 || !pinned.MatchString(bases[0]) || bases[1] != "gcr.io/distroless/static-debian12:nonroot" {
		t.Errorf("bases %v", bases)
	}
	for _, want := range []string{"CGO_ENABLED=0", "-trimpath", `ENTRYPOINT ["/tare"]`} {
		if !strings.Contains(file, want) {
			t.Errorf("Dockerfile lacks %s", want)
		}
	}
	compiler := regexp.MustCompile(`(?m)^go (\S+)$`).FindStringSubmatch(text(t, "go.mod"))[1]
	if !strings.HasPrefix(bases[0], "golang:"+compiler) {
		t.Errorf("Dockerfile compiles with %s, go.mod wants %s", bases[0], compiler)
	}
}

// TestProbes asks for every path that the page names.
func TestProbes(t *testing.T) {
	h, err := web.New(&stream.Monitor{}, web.Options{})
	if err != nil {
		t.Fatal(err)
	}
	page := text(t, operations)
	paths := regexp.MustCompile("httpGet: \\{path: (/\\S+),|(?m)^\\| `(/\\S*)` \\|").FindAllStringSubmatch(page, -1)
	if len(paths) != 7 {
		t.Errorf("%d paths, want 7", len(paths))
	}
	for _, m := range paths {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "http://localhost"+m[1]+m[2], nil))
		if w.Code == 404 {
			t.Errorf("%s does not exist", m[1]+m[2])
		}
	}
}
