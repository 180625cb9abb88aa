package cli

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
)

func getenv(name string) string { return os.Getenv(name) }

// configDir is the folder of config.yaml and apis/.
func configDir() (string, error) { return dirOf("XDG_CONFIG_HOME", "APPDATA", ".config", "config") }

// limitsDir is the folder that the processes of this machine share limits and
// breakers through.
func limitsDir() (string, error) {
	dir, err := stateDir()
	return filepath.Join(dir, "limits"), err
}

// stateDir is the folder of trust.json.
func stateDir() (string, error) {
	return dirOf("XDG_STATE_HOME", "LOCALAPPDATA", filepath.Join(".local", "state"), "state")
}

// dirOf follows the XDG base directory specification on every Unix, macOS
// included. GODWIT_HOME holds everything in one folder.
func dirOf(xdg, windows, inHome, inGodwitHome string) (string, error) {
	if home := getenv("GODWIT_HOME"); home != "" {
		return filepath.Join(home, inGodwitHome), nil
	}
	if dir := getenv(xdg); filepath.IsAbs(dir) { // relative ones are to be ignored, says the specification
		return filepath.Join(dir, "godwit"), nil
	}
	if runtime.GOOS == "windows" {
		if dir := getenv(windows); dir != "" {
			return filepath.Join(dir, "godwit", inGodwitHome), nil
		}
	}
	home, err := os.UserHomeDir()
	if err != nil || home == "" {
		return "", errors.New("no home directory is known; set GODWIT_HOME")
	}
	return filepath.Join(home, inHome, "godwit"), nil
}

// projectFile finds godwit.yaml from dir up to the root of the repository;
// empty if there is none.
func projectFile(dir string) (string, error) {
	for {
		path := filepath.Join(dir, "godwit.yaml")
		switch _, err := os.Stat(path); {
		case err == nil:
			return path, nil
		case !errors.Is(err, os.ErrNotExist):
			return "", err
		}
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
			return "", nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", nil
		}
		dir = parent
	}
}
