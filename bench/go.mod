module github.com/godwit-go/godwit/bench

go 1.26.0

toolchain go1.26.8

replace github.com/godwit-go/godwit => ../

require (
	github.com/andybalholm/brotli v1.2.7
	github.com/godwit-go/godwit v0.0.0-00010101000000-000000000000
	github.com/mccutchen/go-httpbin/v2 v2.26.0
)

require (
	github.com/klauspost/compress v1.20.3 // indirect
	go.yaml.in/yaml/v3 v3.0.6 // indirect
	golang.org/x/net v0.62.0 // indirect
	golang.org/x/text v0.43.0 // indirect
)
