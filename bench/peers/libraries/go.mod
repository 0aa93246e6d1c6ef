module tare/bench/peers/libraries

go 1.26.0

replace tare => ../../..

require (
	github.com/DataDog/sketches-go v1.4.8
	github.com/bytedance/sonic v1.15.5
	github.com/caio/go-tdigest/v4 v4.1.0
	github.com/goccy/go-json v0.12.0
	github.com/influxdata/tdigest v0.0.1
	github.com/minio/simdjson-go v0.4.5
	github.com/valyala/fastjson v1.6.10
	gonum.org/v1/gonum v0.17.0
	tare v0.0.0-00010101000000-000000000000
)

require (
	github.com/axiomhq/hyperloglog v0.3.0 // indirect
	github.com/bytedance/gopkg v0.1.3 // indirect
	github.com/bytedance/sonic/loader v0.5.3 // indirect
	github.com/cloudwego/base64x v0.1.6 // indirect
	github.com/dgryski/go-metro v0.0.0-20250106013310-edb8663e5e33 // indirect
	github.com/kamstrup/intmap v0.5.2 // indirect
	github.com/klauspost/compress v1.20.3 // indirect
	github.com/klauspost/cpuid/v2 v2.2.9 // indirect
	github.com/twitchyliquid64/golang-asm v0.15.1 // indirect
	golang.org/x/arch v0.0.0-20210923205945-b76863e36670 // indirect
	golang.org/x/sys v0.49.0 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
)
