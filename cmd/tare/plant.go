package main

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// A plant is a dozen simulated sensors, reporting for six days around the
// cutoff: temperatures that drift with the day and between sensors, vibration
// with bursts far outside of its bulk, flow over three orders of magnitude, a
// valve between 0 and 1. Records come up to 90 s out of order, a few of them
// hours late; values go missing; one line in four hundred is garbage.
type plant struct {
	r       *rand.Rand
	sensors []sensor
}

type sensor struct {
	name  string
	warm  float64 // mean temperature
	shake float64 // typical vibration
	flow  float64 // logarithm of the typical flow
	valve float64
}

var (
	plantCutoff = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	plantStart  = plantCutoff.Add(-96 * time.Hour)
	plantEnd    = plantStart.Add(plantMinutes * time.Minute)
)

const (
	plantSensors  = 12
	plantMinutes  = 144 * 60
	plantLatest   = 90 * time.Second // what cutoff.out_of_orderness allows for
	plantStraggle = 12 * time.Hour   // how late the late ones are
)

func newPlant(seed uint64) *plant {
	p := &plant{r: rand.New(rand.NewPCG(seed, 0x7a7e))}
	for i := range plantSensors {
		p.sensors = append(p.sensors, sensor{
			name:  fmt.Sprintf("pump-%02d", i+1),
			warm:  20 + 60*p.r.Float64(),
			shake: 0.5 + p.r.Float64(),
			flow:  1 + 5*p.r.Float64(),
			valve: 0.5,
		})
	}
	return p
}

// A plantRecord is what a sensor sent and when it arrives.
type plantRecord struct {
	arrival time.Time
	sensor  string
	line    []byte
}

// log returns the records of the six days in the order of arrival.
func (p *plant) log() (log []plantRecord) {
	for minute := range plantMinutes {
		for i := range p.sensors {
			log = append(log, p.record(&p.sensors[i], plantStart.Add(time.Duration(minute)*time.Minute)))
		}
	}
	slices.SortStableFunc(log, func(a, b plantRecord) int { return a.arrival.Compare(b.arrival) })
	return log
}

func (p *plant) record(s *sensor, minute time.Time) plantRecord {
	at := minute.Add(time.Duration(p.r.Int64N(int64(time.Minute)))).Truncate(time.Millisecond)
	arrival := at.Add(time.Duration(p.r.Int64N(int64(plantLatest))))
	if p.r.IntN(500) == 0 {
		arrival = at.Add(plantStraggle)
	}
	line := fmt.Appendf(nil, `{"sensor":"%s","ts":"%s"`, s.name, at.Format("2006-01-02T15:04:05.000Z"))
	spoilt := p.r.IntN(1600)
	for _, f := range []struct {
		name  string
		value float64
		prec  int
	}{
		{"temperature", p.temperature(s, at), 2},
		{"vibration", p.vibration(s), 4},
		{"flow", p.flow(s), 3},
		{"valve", p.valve(s), 2},
	} {
		switch {
		case spoilt == 0 && f.name == "temperature":
			line = append(line, `,"temperature":"broken"`...)
		case spoilt == 1 && f.name == "flow":
			line = append(line, `,"flow":1e309`...)
		default:
			line = p.appendField(line, f.name, f.value, f.prec)
		}
	}
	line = append(line, '}')
	switch spoilt {
	case 2:
		line = line[:len(line)/2]
	case 3:
		line = bytes.Replace(line, []byte(`"`+s.name+`"`), []byte("null"), 1)
	}
	return plantRecord{arrival, s.name, line}
}

// appendField appends a value; now and then it is null or not there at all.
func (p *plant) appendField(line []byte, name string, x float64, prec int) []byte {
	switch p.r.IntN(100) {
	case 0:
		return line
	case 1:
		return fmt.Appendf(line, `,"%s":null`, name)
	}
	return fmt.Appendf(line, `,"%s":%.*f`, name, prec, x)
}

// temperature follows the day and wanders upwards by some degrees a week.
func (p *plant) temperature(s *sensor, at time.Time) float64 {
	days := at.Sub(plantStart).Hours() / 24
	return s.warm + 4*math.Sin(2*math.Pi*days) + 0.8*days + p.r.NormFloat64()
}

// vibration is tame, but one reading in fifty is a burst.
func (p *plant) vibration(s *sensor) float64 {
	x := s.shake * (1 + 0.2*p.r.NormFloat64())
	if p.r.IntN(50) == 0 {
		x += s.shake * 20 * p.r.ExpFloat64()
	}
	return math.Abs(x)
}

func (p *plant) flow(s *sensor) float64 { return math.Exp(s.flow + 0.9*p.r.NormFloat64()) }

// valve walks between closed and open and stays there for a while.
func (p *plant) valve(s *sensor) float64 {
	s.valve = min(1, max(0, s.valve+0.1*p.r.NormFloat64()))
	return s.valve
}

// plantConfig is the configuration that the demo runs and leaves behind. KAFKA is
// the embedded broker while it runs.
const plantConfig = `# yaml-language-server: $schema=tare.schema.json
version: 1
pipeline: plant

source:
  kafka: {brokers: ["${KAFKA:-localhost:9092}"], topic: sensors.raw}

record:
  format: json
  series: sensor                     # statistics are kept for each sensor
  time: {field: ts, layout: rfc3339}

features:
  - temperature                                    # a bare name: standard
  - {name: vibration, scaler: robust}              # bursts: median and IQR
  - {name: flow, pre: log1p, scaler: standard}     # orders of magnitude: logarithm first
  - {name: valve, scaler: minmax}                  # bounded by nature

cutoff: {event_time: 2026-03-01T00:00:00Z, gap: 1h, out_of_orderness: 2m}

sink:
  kafka: {topic: sensors.normalized}
dead_letter:
  kafka: {topic: sensors.rejected}
`
