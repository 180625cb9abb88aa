package program

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"
)

// PeakRSS returns the peak resident memory of a running process in bytes.
func PeakRSS(pid int) (peak int64, err error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if rest, ok := strings.CutPrefix(lines.Text(), "VmHWM:"); ok {
			var kib int64
			_, err := fmt.Sscanf(rest, "%d kB", &kib)
			return kib << 10, err
		}
	}
	return 0, errors.Join(lines.Err(), errors.New("no VmHWM line"))
}
