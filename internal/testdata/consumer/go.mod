module example.com/consumer

go 1.26.0

require github.com/godwit-go/godwit v0.0.0-00010101000000-000000000000

replace github.com/godwit-go/godwit => ../../..
