package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"math"
	"slices"
	"strings"
	"testing"
)

// A part is a member of a file that a test puts together.
type part struct {
	name string
	data []byte
}

// unpack takes a container apart.
func unpack(t testing.TB, file []byte) []part {
	c, err := openContainer(bytes.NewReader(file), int64(len(file)), zipLimits)
	if err != nil {
		t.Fatal(err)
	}
	var parts []part
	for _, m := range c.members {
		parts = append(parts, part{m.name, bytes.Clone(file[m.data : m.data+m.size])})
	}
	return parts
}

// pack puts a container together as the writer does, but takes the parts as
// they are. Its hash and CRCs are right.
func pack(parts []part) []byte {
	var file, central []byte
	for _, p := range parts {
		m := member{name: p.name, size: uint64(len(p.data)), crc: crc32.ChecksumIEEE(p.data), offset: uint64(len(file))}
		file = append(m.appendLocal(file, zipLimits), p.data...)
		central = m.appendCentral(central, zipLimits)
	}
	d := directory{count: uint64(len(parts)), offset: uint64(len(file)), size: uint64(len(central))}
	return seal(append(d.appendEnd(append(file, central...), zipLimits), make([]byte, idLen)...))
}

// seal sets the hash of a file right.
func seal(file []byte) []byte {
	if len(file) < idLen {
		return file
	}
	body := file[:len(file)-idLen]
	sum := sha256.Sum256(body)
	return append(body, hex.EncodeToString(sum[:])...)
}

// repair sets the hash of a file right, and the CRCs of its members as far as
// they can be found.
func repair(file []byte) []byte {
	const end = endLen + idLen
	if len(file) < end {
		return file
	}
	f := fields(file)
	at, rest := uint64(f.u32(len(file)-end+16)), uint64(f.u32(len(file)-end+12))
	for at+centralLen <= uint64(len(file)-end) && rest >= centralLen {
		head := f[at:]
		n := centralLen + uint64(head.u16(28)) + uint64(head.u16(30)) + uint64(head.u16(32))
		local, size := uint64(head.u32(42)), uint64(head.u32(24))
		if local+30 <= uint64(len(file)) {
			data := local + 30 + uint64(f.u16(int(local)+26)) + uint64(f.u16(int(local)+28))
			if data+size <= uint64(len(file)) {
				crc := crc32.ChecksumIEEE(file[data : data+size])
				binary.LittleEndian.PutUint32(head[16:], crc)
				binary.LittleEndian.PutUint32(f[local+14:], crc)
			}
		}
		at += n
		rest -= min(rest, n)
	}
	return seal(file)
}

// A hostile file has the right hash, and what is wrong with it.
type hostile struct {
	name   string
	file   []byte
	reason string
}

// hostiles makes hostile files out of a good one.
type hostiles struct {
	t     testing.TB
	good  []byte
	parts []part
	all   []hostile
}

func (h *hostiles) add(name string, file []byte, reason string) {
	h.t.Helper()
	if bytes.Equal(file, h.good) {
		h.t.Errorf("%s: nothing is wrong with it", name)
	}
	h.all = append(h.all, hostile{name, file, reason})
}

// manifest replaces text in the manifest once.
func (h *hostiles) manifest(old, new, reason string) {
	h.t.Helper()
	name := fmt.Sprintf("manifest: %.60s -> %.60s", old, new)
	h.member(name, manifestName, func(b []byte) []byte {
		if !bytes.Contains(b, []byte(old)) {
			h.t.Errorf("%s: not in the manifest", name)
		}
		return bytes.Replace(b, []byte(old), []byte(new), 1)
	}, reason)
}

// member changes the bytes of a member.
func (h *hostiles) member(name, of string, change func([]byte) []byte, reason string) {
	h.t.Helper()
	h.change(name, func(parts []part) []part {
		i := slices.IndexFunc(parts, func(p part) bool { return p.name == of })
		if i < 0 {
			h.t.Fatalf("%s: no member %s", name, of)
		}
		parts[i].data = change(bytes.Clone(parts[i].data))
		return parts
	}, reason)
}

// change changes the members.
func (h *hostiles) change(name string, change func([]part) []part, reason string) {
	h.t.Helper()
	h.add(name, pack(change(slices.Clone(h.parts))), reason)
}

// word sets item i of an array of 8-byte items.
func (h *hostiles) word(array string, i int, x uint64, reason string) {
	h.t.Helper()
	h.member(fmt.Sprintf("%s[%d] = %#x", array, i, x), array+npySuffix, func(b []byte) []byte {
		binary.LittleEndian.PutUint64(b[npyHeaderLen+8*i:], x)
		return b
	}, reason)
}

func (h *hostiles) float(array string, i int, x float64, reason string) {
	h.t.Helper()
	h.word(array, i, math.Float64bits(x), reason)
}

// header replaces text in the header of an array.
func (h *hostiles) header(array, old, new, reason string) {
	h.t.Helper()
	h.member(fmt.Sprintf("%s: header %q -> %q", array, old, new), array+npySuffix, func(b []byte) []byte {
		head := bytes.Replace(b[:npyHeaderLen], []byte(old), []byte(new), 1)
		if len(head) > npyHeaderLen {
			head = append(bytes.TrimRight(head, " \n"), bytes.Repeat([]byte(" "), npyHeaderLen)...)[:npyHeaderLen]
		}
		for len(head) < npyHeaderLen {
			head = append(head[:len(head)-1], " \n"...)
		}
		head[npyHeaderLen-1] = '\n'
		return append(head, b[npyHeaderLen:]...)
	}, reason)
}

// bytes changes bytes of the whole file at an offset from its start, or, below
// 0, from the id.
func (h *hostiles) bytes(name string, at int, new string, reason string) {
	h.t.Helper()
	file := bytes.Clone(h.good)
	if at < 0 {
		at += len(file) - idLen
	}
	copy(file[at:], new)
	h.add(name, seal(file), reason)
}

// run reads every file.
func (h *hostiles) run(t *testing.T, read func([]byte) error, atLeast int) {
	names := map[string]bool{}
	worst, worstName := 0.0, ""
	for _, c := range h.all {
		if names[c.name] {
			t.Errorf("two files are called %s", c.name)
		}
		names[c.name] = true
		var err error
		took := allocated(func() { err = read(c.file) })
		refused, ok := err.(*RefusedError)
		if !ok {
			t.Errorf("%s: error %v, want a *RefusedError", c.name, err)
			continue
		}
		if !strings.Contains(refused.Reason, c.reason) {
			t.Errorf("%s: refused for %q, want %q", c.name, refused.Reason, c.reason)
		}
		limit := 1<<20 + 4*uint64(len(c.file))
		if took >= limit {
			t.Errorf("%s: %d bytes allocated for a file of %d", c.name, took, len(c.file))
		}
		if share := float64(took) / float64(limit); share > worst {
			worst, worstName = share, c.name
		}
	}
	t.Logf("%d hostile files, at most %.0f %% of the memory allowed (%.80s)", len(h.all), 100*worst, worstName)
	if len(h.all) < atLeast {
		t.Errorf("%d hostile files, want at least %d", len(h.all), atLeast)
	}
}

func newHostiles(t testing.TB, good []byte) *hostiles {
	h := &hostiles{t: t, good: good, parts: unpack(t, good)}
	if !bytes.Equal(pack(h.parts), good) {
		t.Fatal("the tests put files together in another way than the writer")
	}
	return h
}

func TestHostileArtifacts(t *testing.T) {
	h := newHostiles(t, sampleBytes(t))
	h.hostileFiles()
	h.hostileDirectories()
	h.hostileMembers()
	h.hostileHeaders()
	h.hostileManifests()
	h.hostileExamples()
	h.hostileNumbers()
	h.bombs()
	h.run(t, func(b []byte) error { _, err := read(b); return err }, 200)
}

func (h *hostiles) hostileFiles() {
	f := func(name string, file []byte, reason string) { h.t.Helper(); h.add(name, file, reason) }
	f("empty", nil, "0 bytes are too few")
	f("one byte", []byte("P"), "1 bytes are too few")
	f("an id alone", seal(make([]byte, idLen)), "64 bytes are too few")
	f("zeros", seal(make([]byte, 4096)), "no end of a zip directory")
	f("text", seal(append(bytes.Repeat([]byte("hello\n"), 99), make([]byte, idLen)...)), "no end of a zip directory")
	f("no members", pack(nil), "manifest.json is missing")
	f("half", seal(slices.Clone(h.good[:len(h.good)/2])), "no end of a zip directory")
	f("doubled", seal(slices.Concat(h.good, h.good)), "does not fill the space")
	f("behind something", seal(append([]byte("#!/bin/sh\n"), h.good...)), "does not fill the space")
	f("id in upper case", append(slices.Clone(h.good[:len(h.good)-idLen]), bytes.ToUpper(h.good[len(h.good)-idLen:])...), "no SHA-256")
	f("id of another file", append(slices.Clone(h.good[:len(h.good)-idLen]), strings.Repeat("0", idLen)...), "the file is damaged")
	f("id cut by one", h.good[:len(h.good)-1], "the last 64 bytes are no SHA-256")
	f("a byte behind the id", append(slices.Clone(h.good), '0'), "the file is damaged")
	f("a newline behind the id", append(slices.Clone(h.good), '\n'), "the last 64 bytes are no SHA-256")
}

// hostileDirectories changes single fields of the structure of the zip.
func (h *hostiles) hostileDirectories() {
	const notOurs = "the end of the zip directory is not written as tare writes it"
	end := func(name string, at int, new, reason string) {
		h.t.Helper()
		h.bytes("end: "+name, at-endLen, new, reason)
	}
	end("signature", 0, "PK\x05\x07", "no end of a zip directory")
	end("disk", 4, "\x01", notOurs)
	end("directory's disk", 6, "\x01", notOurs)
	end("members of this disk", 8, "\x01", notOurs)
	end("no members", 8, "\x00\x00\x00\x00", "bytes that belong to no member")
	end("fewer members", 8, "\x3b\x00\x3b\x00", "bytes that belong to no member")
	end("more members", 8, "\x3d\x00\x3d\x00", "member 60: the zip directory ends within its header")
	end("far too many members", 8, "\xfe\xff\xfe\xff", "65534 members do not fit")
	end("Zip64 without its record", 8, "\xff\xff\xff\xff", notOurs)
	end("size", 12, "\xff\xff", "does not fill the space")
	end("huge size", 12, "\xff\xff\xff\x7f", "does not fill the space")
	end("offset", 16, "\x00", "does not fill the space")
	end("huge offset", 16, "\xff\xff\xff\x7f", "does not fill the space")
	end("offset and size of Zip64", 12, "\xff\xff\xff\xff\xff\xff\xff\xff", notOurs)
	end("comment of no length", 20, "\x00\x00", notOurs)
	end("longer comment", 20, "\x41", notOurs)

	f := fields(h.good)
	central := int(f.u32(len(h.good) - idLen - endLen + 16))
	const notAsTare = `the header of "flow €.count.npy" in the zip directory is not written as tare writes it`
	c := func(name string, at int, new, reason string) {
		h.t.Helper()
		h.bytes("directory: "+name, central+at, new, reason)
	}
	c("signature", 0, "PK\x01\x03", notAsTare)
	c("made by Unix", 5, "\x03", notAsTare)
	c("version needed", 6, "\x2d", notAsTare)
	c("encrypted", 8, "\x01", notAsTare)
	c("data descriptor", 8, "\x08", notAsTare)
	c("name of no UTF-8", 9, "\x00", notAsTare)
	c("deflated", 10, "\x08", `"flow €.count.npy" is compressed (method 8)`)
	c("method 99", 10, "\x63", "is compressed (method 99)")
	c("time", 12, "\x01", notAsTare)
	c("date", 14, "\x22", notAsTare)
	c("CRC", 16, "\x00\x00\x00\x00", "the two headers of flow €.count.npy differ")
	c("compressed size", 20, "\x01", notAsTare)
	c("size", 24, "\x01", notAsTare)
	c("both sizes", 20, "\x01\x00\x00\x00\x01\x00\x00\x00", "the two headers of flow €.count.npy differ")
	c("huge sizes", 20, "\xfe\xff\xff\xff\xfe\xff\xff\xff", "flow €.count.npy does not lie between its neighbours")
	c("Zip64 sizes without the field", 20, "\xff\xff\xff\xff\xff\xff\xff\xff", notAsTare)
	c("longer name", 28, "\x13", "member 0: a member called")
	c("empty name", 28, "\x00", "member 0: a member called")
	c("huge name", 28, "\xff\xff", "member 0: the zip directory ends within its header")
	c("extra field", 30, "\x04", notAsTare)
	c("huge extra field", 30, "\xff\xff", "member 0: the zip directory ends within its header")
	c("comment", 32, "\x01", notAsTare)
	c("disk", 34, "\x01", notAsTare)
	c("internal attributes", 36, "\x01", notAsTare)
	c("a symbolic link", 41, "\xa1", notAsTare)
	c("offset", 42, "\x01", "does not lie between its neighbours")
	c("offset beyond", 42, "\xfe\xff\xff\xff", "does not lie between its neighbours")
	c("Zip64 offset without the field", 42, "\xff\xff\xff\xff", notAsTare)

	l := func(name string, at int, new string) {
		h.t.Helper()
		h.bytes("local header: "+name, at, new, "the two headers of flow €.count.npy differ")
	}
	l("signature", 0, "PK\x03\x05")
	l("version", 4, "\x0a")
	l("encrypted", 6, "\x01")
	l("deflated", 8, "\x08")
	l("time", 10, "\x01")
	l("date", 12, "\x22")
	l("CRC", 14, "\x00\x00\x00\x00")
	l("compressed size", 18, "\x01")
	l("size", 22, "\x01")
	l("name", 30, "g")
	l("name length", 26, "\x01")
	l("extra length", 28, "\x01")
}

// hostileMembers adds, leaves out and moves whole members.
func (h *hostiles) hostileMembers() {
	for i, p := range h.parts {
		h.change("without "+p.name, func(parts []part) []part { return slices.Delete(parts, i, i+1) }, p.name+" is missing")
	}
	insert := func(name string, data []byte, reason string) {
		h.t.Helper()
		h.change(fmt.Sprintf("with %.40q", name), func(parts []part) []part {
			i, _ := slices.BinarySearchFunc(parts, name, func(p part, name string) int { return strings.Compare(p.name, name) })
			return slices.Insert(parts, i, part{name, data})
		}, reason)
	}
	count := h.parts[0].data
	insert("zz.count.npy", count, "zz.count.npy is not a member of this file")
	insert("z.offsets.npy", count, "z.offsets.npy is not a member of this file")
	insert("plain.impute.npy", count, "plain.impute.npy is not a member of this file")
	insert("plain.scale.npy", count, "plain.scale.npy is not a member of this file")
	insert("spread.state.npy", count, "spread.state.npy is not a member of this file")
	insert(".npy", count, ".npy is not a member of this file")
	insert("z.mean .npy", count, "z.mean .npy is not a member of this file")
	insert("__pycache__/evil.pyc", count, "a member called")
	insert("folder/", nil, "a member called")
	insert("/etc/passwd.npy", count, "a member called")
	insert("../up.npy", count, "a member called")
	insert(`..\up.npy`, count, "a member called")
	insert("a/../../b.npy", count, "a member called")
	insert("C:\\b.npy", count, "a member called")
	insert("nul\x00.npy", count, "a member called")
	insert("not utf-8 \xff.npy", count, "a member called")
	insert("manifest.json.npy", count, "manifest.json.npy is not a member of this file")
	insert("manifest.JSON", []byte("{}"), "a member called")
	insert("Manifest.json", []byte("{}"), "a member called")
	insert("x.pickle", []byte("cos\nsystem\n"), "a member called")
	insert("nested.npz", h.good, "a member called")
	insert(strings.Repeat("n", 300)+".npy", count, "a member called")
	for _, name := range []string{manifestName, "z.mean.npy", "series.offsets.npy"} {
		insert(name, h.parts[0].data, name+" stands twice in the file")
	}
	for _, name := range []string{manifestName, "z.scale.npy", "series.bytes.npy", "flow €.quantiles.npy"} {
		file := bytes.Clone(h.good)
		file[bytes.Index(file, []byte(name))+len(name)+npyHeaderLen] ^= 1
		h.add("another CRC than that of "+name, seal(file), name+": its CRC is")
	}
	h.change("two members in the wrong order", func(parts []part) []part {
		parts[3], parts[4] = parts[4], parts[3]
		return parts
	}, "sorts before it")
	h.change("in reverse", func(parts []part) []part { slices.Reverse(parts); return parts }, "sorts before it")
	h.change("renamed", func(parts []part) []part { parts[len(parts)-1].name = "z.zzz.npy"; return parts }, "z.scale.npy is missing")

	// Bytes between two members, and two headers that share their bytes.
	first := h.parts[0]
	m := member{name: first.name, size: uint64(len(first.data)), crc: crc32.ChecksumIEEE(first.data)}
	gap := append(m.appendLocal(nil, zipLimits), first.data...)
	gap = append(gap, "gap"...)
	d := directory{count: 1, offset: uint64(len(gap)), size: uint64(len(m.appendCentral(nil, zipLimits)))}
	h.add("a gap behind a member", seal(append(d.appendEnd(m.appendCentral(gap, zipLimits), zipLimits), make([]byte, idLen)...)), "bytes that belong to no member")
	padded := append(m.appendCentral(append(m.appendLocal(nil, zipLimits), first.data...), zipLimits), "PK\x01\x02"...)
	start := len(m.appendLocal(nil, zipLimits)) + len(first.data)
	d = directory{count: 1, offset: uint64(start), size: uint64(len(padded) - start)}
	h.add("bytes behind the headers", seal(append(d.appendEnd(padded, zipLimits), make([]byte, idLen)...)), "bytes that belong to no member")
	twin := m
	twin.name = "flow €.later.npy"
	one := append(m.appendLocal(nil, zipLimits), first.data...)
	both := twin.appendCentral(m.appendCentral(nil, zipLimits), zipLimits)
	d = directory{count: 2, offset: uint64(len(one)), size: uint64(len(both))}
	h.add("two members on the same bytes", seal(append(d.appendEnd(append(one, both...), zipLimits), make([]byte, idLen)...)), "does not lie between its neighbours")
	h.add("Zip64 where none is needed", func() []byte {
		var b bytes.Buffer
		var sources []source
		for _, p := range h.parts {
			sources = append(sources, source{name: p.name, size: uint64(len(p.data)), put: func(b *blocks) { b.bytes(p.data) }})
		}
		if _, err := writeContainer(&b, sources, limits{size: 1, count: 1}); err != nil {
			h.t.Fatal(err)
		}
		return b.Bytes()
	}(), "the end of the zip directory is not written as tare writes it")
}

// hostileHeaders changes headers of arrays, and their lengths.
func (h *hostiles) hostileHeaders() {
	for _, p := range h.parts {
		name, isArray := strings.CutSuffix(p.name, npySuffix)
		if !isArray {
			continue
		}
		if bytes.Contains(p.data, []byte("<f8")) {
			h.header(name, "<f8", "<i8", p.name+" begins with")
		} else if bytes.Contains(p.data, []byte("<u8")) {
			h.header(name, "<u8", "<f8", p.name+" begins with")
		}
	}
	f := func(old, new string) { h.t.Helper(); h.header("z.mean", old, new, "z.mean.npy begins with") }
	f("<f8", ">f8")
	f("<f8", "|O8")
	f("<f8", "<f4")
	f("<f8", "<c8")
	f("<f8", "|V8")
	f("False", "True ")
	f("(3,)", "(4,)")
	f("(3,)", "(2,)")
	f("(3,)", "(0,)")
	f("(3,)", "(3,1)")
	f("(3,)", "(1,3)")
	f("(3,)", "()")
	f("(3,)", "(-3,)")
	f("(3,)", "(03,)")
	f("(3,)", "(18446744073709551615,)")
	f("(3,)", "(99999999999999999999999,)")
	f("NUMPY\x01", "NUMPY\x02")
	f("NUMPY\x01", "NUMPY\x03")
	f("NUMPY", "NUMPI")
	f("\x76\x00{", "\x77\x00{")
	f("\x76\x00{", "\xff\xff{")
	f("{'descr'", "{\"descr\"")
	f("}", "  ")
	f("}", "}#")
	f(", }", ",  }")

	size := func(name string, change func([]byte) []byte, reason string) {
		h.t.Helper()
		h.member("z.data_var: "+name, "z.data_var.npy", change, reason)
	}
	cut := func(n int) func([]byte) []byte { return func(b []byte) []byte { return b[:n] } }
	size("empty", cut(0), "z.data_var.npy has 0 bytes, want 152")
	size("half a header", cut(64), "z.data_var.npy has 64 bytes, want 152")
	size("a header alone", cut(128), "z.data_var.npy has 128 bytes, want 152")
	size("one item less", cut(144), "z.data_var.npy has 144 bytes, want 152")
	size("a byte less", cut(151), "z.data_var.npy has 151 bytes, want 152")
	size("a byte more", func(b []byte) []byte { return append(b, 0) }, "z.data_var.npy has 153 bytes, want 152")
	size("a megabyte more", func(b []byte) []byte { return append(b, make([]byte, 1<<20)...) }, "want 152")
	h.member("series.offsets: empty", "series.offsets.npy", cut(0), "series.offsets.npy has 0 bytes: not a header and whole items")
	h.member("series.offsets: no item", "series.offsets.npy", cut(128), "series.offsets has 0 items, want 1 to 2^31-1")
	h.member("series.offsets: no whole item", "series.offsets.npy", cut(140), "series.offsets.npy has 140 bytes: not a header and whole items")
	h.member("series.offsets: a series less", "series.offsets.npy", cut(152), "flow €.count.npy has 152 bytes, want 144: a header and 2 items")
	h.member("series.bytes: half a header", "series.bytes.npy", cut(100), "series.bytes.npy has 100 bytes: not a header and whole items")
	h.member("series.bytes: a byte less", "series.bytes.npy", func(b []byte) []byte { return b[:len(b)-1] }, "series.bytes.npy begins with")
	h.member("flow €.references: an item less", "flow €.references.npy", func(b []byte) []byte { return b[:len(b)-8] }, "flow €.quantiles.npy has 168 bytes, want 160")
	h.member("flow €.references: no whole item", "flow €.references.npy", func(b []byte) []byte { return b[:len(b)-3] }, "flow €.references.npy has 165 bytes: not a header and whole items")
	h.member("flow €.quantiles: an item less", "flow €.quantiles.npy", func(b []byte) []byte { return b[:len(b)-8] }, "flow €.quantiles.npy has 160 bytes, want 168")
}
