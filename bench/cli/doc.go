// Package cli holds the memory ceilings of the program: what one call, a long
// stream and a decompression bomb may make it use at most. Its tests build the
// program and run it.
package cli
