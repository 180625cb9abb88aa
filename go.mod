module github.com/godwit-go/godwit

go 1.26.0

toolchain go1.26.8

require (
	github.com/andybalholm/brotli v1.2.7
	github.com/dunglas/httpsfv v1.1.2
	github.com/klauspost/compress v1.20.3
	go.yaml.in/yaml/v3 v3.0.6
	golang.org/x/net v0.62.0
	pgregory.net/rapid v1.3.0
)

require golang.org/x/text v0.43.0 // indirect
