package scale

// MaxMembers is the largest number of members of a group that is whitened.
const MaxMembers = 512

// A Projection is the Step of a group of members, 1 to MaxMembers, that has fewer
// or as many outputs: z = W (x - mean), and back x = B z + mean. Every method of
// whitening is this Step. x is one record's members and p what WhiteningParams
// appends: the means, one a member; W, a row of members an output; B, a row of
// outputs a member. A NaN in x makes all outputs NaN, one in z all members.
//
// Each output is the sum of its products from the first member to the last,
// each rounded: the same bits on every processor.
type Projection struct{ in, out int }

// NewProjection returns the Projection of in members to out outputs.
func NewProjection(in, out int) Projection { return Projection{in, out} }

// Dims returns the number of members and of outputs.
func (s Projection) Dims() (in, out int) { return s.in, s.out }

// Transform sets dst to the outputs of the members x; dst may be x.
func (s Projection) Transform(dst, x, p []float64) {
	dst = dst[:s.out]
	if len(p) == 0 {
		missing(dst)
		return
	}
	mean, w := p[:s.in], p[s.in:][:s.out*s.in]
	if s.in <= small {
		var from [small]float64
		project(dst, x, mean, w, from[:s.in])
	} else {
		var from [MaxMembers]float64
		project(dst, x, mean, w, from[:s.in])
	}
}

// Inverse sets dst to the members of the outputs y; dst may be y.
func (s Projection) Inverse(dst, y, p []float64) {
	dst = dst[:s.in]
	if len(p) == 0 {
		missing(dst)
		return
	}
	mean, b := p[:s.in], p[s.in+s.out*s.in:][:s.in*s.out]
	if s.out <= small {
		var from [small]float64
		unproject(dst, y, mean, b, from[:s.out])
	} else {
		var from [MaxMembers]float64
		unproject(dst, y, mean, b, from[:s.out])
	}
}

// small is the number of members up to which a record needs no large array.
const small = 16

// project sets dst to w (x - mean). From takes x - mean, since dst may be x.
func project(dst, x, mean, w, from []float64) {
	x = x[:len(from)]
	for i, m := range mean[:len(from)] {
		from[i] = x[i] - m
	}
	multiply(dst, w, from)
}

// unproject sets dst to b y + mean. From takes y, since dst may be y.
func unproject(dst, y, mean, b, from []float64) {
	copy(from, y[:len(from)])
	multiply(dst, b, from)
	for i, m := range mean {
		dst[i] += m
	}
}

// multiply sets dst to m x, m being len(dst) rows of len(x) numbers. Four rows
// are under way at once, each summed from the first column to the last.
func multiply(dst, m, x []float64) {
	n := len(x)
	i := 0
	for ; i+4 <= len(dst); i += 4 {
		a, b, c, d := m[i*n:][:n], m[(i+1)*n:][:n], m[(i+2)*n:][:n], m[(i+3)*n:][:n]
		var p, q, r, s float64
		for j, v := range x {
			p += float64(a[j] * v)
			q += float64(b[j] * v)
			r += float64(c[j] * v)
			s += float64(d[j] * v)
		}
		dst[i], dst[i+1], dst[i+2], dst[i+3] = p, q, r, s
	}
	for ; i < len(dst); i++ {
		dst[i] = dot(m[i*n:][:n], x)
	}
}

func dot(a, x []float64) (sum float64) {
	for j, v := range x {
		sum += float64(a[j] * v)
	}
	return sum
}
