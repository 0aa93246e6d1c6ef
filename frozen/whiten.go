package frozen

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"tare/record"
	"tare/scale"
)

// A Group is some features that are whitened together: what they are after their
// pre-transforms goes through one Projection, the outputs of which take the place
// of theirs.
type Group struct {
	Name    string   `json:"name"`
	Members []string `json:"features"` // names of features, in the order of the Projection
	scale.Whitening
	Scope string `json:"scope,omitempty"` // as that of a Feature; its members have the same
}

// Shared reports whether one Projection is used for all series, known or not.
func (g *Group) Shared() bool { return g.Scope == ScopeGlobal }

// Serves reports whether there is a Projection for a series.
func (g *Group) Serves(id int32) bool { return id >= 0 || g.Shared() }

// Entries returns how many entries Whitened has with so many series.
func (g *Group) Entries(series int) int {
	if g.Shared() {
		return 1
	}
	return series
}

// Numbers returns how many parameters an entry has with so many outputs.
func (g *Group) Numbers(outputs int) int { return len(g.Members) * (1 + 2*outputs) }

// Columns returns the names of outputs of the group, as scikit-learn's
// get_feature_names_out numbers them: motion_pca0, motion_pca1, ...
func (g *Group) Columns(outputs int) []string {
	names := make([]string, outputs)
	for i := range names {
		names[i] = g.Name + "_" + g.Method + strconv.Itoa(i)
	}
	return names
}

// Whitened is what was learned of a group: one entry for each series, in the order
// of their names, or one for all.
type Whitened struct {
	Count  []uint64  // training records in which no member was missing
	Params []float64 // as scale.WhiteningParams gives them, entry after entry
}

// CheckGroups refuses groups that mean nothing for these valid features.
func CheckGroups(features []Feature, groups []Group) error {
	at, taken := map[string]*Feature{}, map[string]bool{}
	for i := range features {
		at[features[i].Name], taken[features[i].Name] = &features[i], true
	}
	of := map[string]string{}
	for i := range groups {
		g := &groups[i]
		if g.Name == "" || taken[g.Name] {
			return fmt.Errorf("group %.128q: want a name that no feature and no other group has", g.Name)
		}
		taken[g.Name] = true
		if err := g.check(at, of); err != nil {
			return fmt.Errorf("group %.128q: %w", g.Name, err)
		}
		for _, column := range g.Columns(len(g.Members)) {
			if taken[column] {
				return fmt.Errorf("group %.128q: its output %.160q has the name of a feature or group", g.Name, column)
			}
			taken[column] = true
		}
	}
	return nil
}

// check refuses what is wrong with one group. of tells which group a feature is a
// member of.
func (g *Group) check(features map[string]*Feature, of map[string]string) error {
	if err := g.Whitening.Validate(len(g.Members)); err != nil {
		return err
	}
	if _, fixed := g.Width(len(g.Members)); !fixed && !g.Shared() {
		return fmt.Errorf("n_components %v is a share of variance, which gives each series another number of outputs; want scope %s or a whole number", g.NComponents, ScopeGlobal)
	}
	for _, name := range g.Members {
		f := features[name]
		if f == nil {
			return fmt.Errorf("there is no feature %.128q to be a member", name)
		}
		if other, twice := of[name]; twice {
			return fmt.Errorf("feature %q is a member of group %q already", name, other)
		}
		of[name] = g.Name
		if err := g.checkMember(f); err != nil {
			return fmt.Errorf("feature %q: %w", name, err)
		}
	}
	return nil
}

func (g *Group) checkMember(f *Feature) error {
	switch {
	case f.Encoding != nil:
		return errors.New("a label cannot be a member, want numbers")
	case f.Shape != nil:
		return errors.New("an array cannot be a member, want single numbers")
	case f.Role == RoleTarget:
		return errors.New("a target cannot be a member: its own output is what a model predicts")
	case f.Fixed != nil:
		return errors.New("a member with fixed numbers, want learned ones: the projection holds them")
	case f.Scaler.Kind != scale.None && f.Scaler.Kind != scale.Standard:
		return fmt.Errorf("a member with scaler %s, want %s or %s", f.Scaler.Kind, scale.None, scale.Standard)
	case g.LedoitWolf && Scaled(f):
		return fmt.Errorf("ledoit_wolf of a member with scaler %s, want %s, or a shrinkage from 0 to 1", f.Scaler.Kind, scale.None)
	case f.Scope != g.Scope:
		return fmt.Errorf("a member of scope %q in a group of scope %q, want the same", f.Scope, g.Scope)
	}
	return nil
}

// Scaled reports whether a member is divided by its standard deviation before it
// is whitened.
func Scaled(f *Feature) bool { return f.Scaler.Kind == scale.Standard && f.Scaler.WithStd }

// group is a Group ready for use.
type group struct {
	Group
	Whitened
	members []*column
	step    scale.Projection
	to      int // of its first output in what Transform writes
	outputs int
	each    int // parameters of an entry
}

// NewWhitened is New with groups, which CheckGroups has passed, and what was
// learned of each. It keeps them too.
func NewWhitened(features []Feature, series *Series, records []uint64, learned []Learned, groups []Group, whitened []Whitened) (*Frozen, error) {
	f, err := New(features, series, records, learned)
	if err != nil || len(groups) == 0 {
		return f, err
	}
	if len(whitened) != len(groups) {
		return nil, fmt.Errorf("%d groups but the numbers of %d", len(groups), len(whitened))
	}
	for i := range groups {
		g, err := f.newGroup(&groups[i], &whitened[i])
		if err != nil {
			return nil, fmt.Errorf("group %q: %w", groups[i].Name, err)
		}
		f.groups = append(f.groups, g)
	}
	f.place()
	if err := f.checkColumns(); err != nil {
		return nil, err
	}
	return f, nil
}

func (f *Frozen) newGroup(spec *Group, w *Whitened) (group, error) {
	g := group{Group: *spec, Whitened: *w}
	for _, name := range g.Members {
		at := slices.IndexFunc(f.features, func(of Feature) bool { return of.Name == name })
		f.columns[at].member = true
		g.members = append(g.members, &f.columns[at])
	}
	d, n := len(g.Members), g.Entries(f.series.Len())
	var fixed bool
	if g.outputs, fixed = g.Width(d); !fixed {
		g.outputs = (len(w.Params)/d - 1) / 2
	}
	if g.outputs < 1 || g.outputs > d {
		return g, fmt.Errorf("%d parameters make %d outputs of %d members", len(w.Params), g.outputs, d)
	}
	g.step, g.each = scale.NewProjection(d, g.outputs), g.Numbers(g.outputs)
	if len(w.Count) != n || len(w.Params) != n*g.each {
		return g, fmt.Errorf("%d counts and %d parameters, want %d and %d", len(w.Count), len(w.Params), n, n*g.each)
	}
	for entry := range n {
		if err := g.checkEntry(entry); err != nil {
			return g, fmt.Errorf("series %d: %w", entry, err)
		}
	}
	return g, nil
}

// checkEntry refuses numbers that no training can have left behind.
func (g *group) checkEntry(entry int) error {
	valid, count := isFinite, g.Count[entry]
	if count == 0 {
		valid = math.IsNaN
	}
	if !all(valid, g.params(entry)) {
		return fmt.Errorf("a number learned from %d records is not finite, or one from none is not NaN", count)
	}
	for i, c := range g.members {
		if count > c.Count[entry] {
			return fmt.Errorf("%d records with all members, but %d with %q", count, c.Count[entry], g.Members[i])
		}
	}
	return nil
}

// place says where the outputs of columns and groups go.
func (f *Frozen) place() {
	f.width = 0
	at := func(to *int, n int) { *to, f.width = f.width, f.width+n }
	for i := range f.columns {
		if c := &f.columns[i]; !c.member && !c.target {
			at(&c.to, c.outputs)
		}
	}
	for i := range f.groups {
		at(&f.groups[i].to, f.groups[i].outputs)
	}
	for i := range f.columns {
		if c := &f.columns[i]; c.target {
			at(&c.to, c.outputs)
		}
	}
}

// Groups returns how many groups there are.
func (f *Frozen) Groups() int { return len(f.groups) }

// Whitened returns the numbers of a group; not to be changed.
func (f *Frozen) Whitened(group int) *Whitened { return &f.groups[group].Whitened }

// Outputs returns which of the numbers that Transform writes are a group's: n of
// them, from at on.
func (f *Frozen) Outputs(group int) (at, n int) { return f.groups[group].to, f.groups[group].outputs }

// Output returns where the first number of a feature stands among those that
// Transform writes, if it is no Member.
func (f *Frozen) Output(feature string) int { return f.named([]string{feature})[0].to }

// Member reports whether a group takes the place of a feature in the output.
func (f *Frozen) Member(feature int) bool { return f.columns[feature].member }

func (g *group) columns() []string { return g.Columns(g.outputs) }

func (g *group) params(entry int) []float64 { return g.Whitened.Params[entry*g.each:][:g.each] }

func (g *group) entry(id int32) int {
	if g.Shared() {
		return 0
	}
	return int(id)
}

// example takes the raw numbers of a row, of which at says where those of members
// stand, through the group, and writes what comes back to the same places.
func (g *group) example(back, raw []float64, at map[*column]int, id int32) (y []float64) {
	x, y := make([]float64, len(g.members)), make([]float64, g.outputs)
	p := g.params(g.entry(id))
	for i, c := range g.members {
		c.prepare(x[i:i+1], raw[at[c]], c.first(id))
	}
	g.step.Transform(y, x, p)
	g.step.Inverse(x, y, p)
	for i, c := range g.members {
		c.undo(x[i : i+1])
		back[at[c]] = x[i]
	}
	return y
}

// few is the number of members up to which a record needs no large array.
const few = 16

// transform writes the outputs of the group to their place in dst.
func (g *group) transform(dst, numbers []float64, id int32) record.Flags {
	y := dst[g.to : g.to+g.outputs]
	if !g.Serves(id) {
		missing(y)
		return 0
	}
	if len(g.members) <= few {
		var x [few]float64
		return g.project(y, numbers, x[:len(g.members)], g.entry(id))
	}
	var x [scale.MaxMembers]float64
	return g.project(y, numbers, x[:len(g.members)], g.entry(id))
}

// project takes the members from the numbers of a record to x, and x to y, the
// first of which serves to prepare each.
func (g *group) project(y, numbers, x []float64, entry int) (flags record.Flags) {
	for i, c := range g.members {
		flags |= c.prepare(y[:1], numbers[c.from], entry)
		x[i] = y[0]
	}
	g.step.Transform(y, x, g.params(entry))
	return flags
}

// inverse writes the members to their places in dst.
func (g *group) inverse(dst, y []float64, id int32) {
	y = y[g.to : g.to+g.outputs]
	if len(g.members) <= few {
		var x [few]float64
		g.unproject(dst, y, x[:len(g.members)], id)
		return
	}
	var x [scale.MaxMembers]float64
	g.unproject(dst, y, x[:len(g.members)], id)
}

func (g *group) unproject(dst, y, x []float64, id int32) {
	if !g.Serves(id) {
		missing(x)
	} else {
		g.step.Inverse(x, y, g.params(g.entry(id)))
	}
	for i, c := range g.members {
		dst[c.from] = x[i]
		c.undo(dst[c.from : c.from+1])
	}
}
