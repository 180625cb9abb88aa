package cli

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/godwit-go/godwit/cmd/internal/cli/output"
	"github.com/godwit-go/godwit/definition"
)

// newCheck validates a definition.
func (p *program) newCheck() *cobra.Command {
	o := new(options)
	var secrets bool
	cmd := &cobra.Command{
		Use: "check [FILE]", Short: "Validate a definition; errors with line and column",
		Example: "godwit check\ngodwit check --strict --secrets godwit.yaml",
		Args:    atMostOne,
		RunE: p.onFile(o, func(cmd *cobra.Command, path string) error {
			return p.check(cmd, o, path, secrets)
		}),
	}
	cmd.Flags().BoolVar(&secrets, "secrets", false, "also read each secret once, to see that it is there")
	o.bind(cmd.Flags(), definitionGroup)
	return cmd
}

func atMostOne(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return usagef("%s: at most one file", cmd.Name()).hint("godwit %s", cmd.Use)
	}
	return nil
}

func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("%s: it takes no argument", cmd.Name())
	}
	return nil
}

// onFile is the frame of a command that is about one definition file.
func (p *program) onFile(o *options, run func(cmd *cobra.Command, path string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		if err := p.prepare(cmd, o); err != nil {
			return err
		}
		path, err := p.fileArgument(o, args)
		if err != nil {
			return err
		}
		return run(cmd, path)
	}
}

// fileArgument is the definition file that a command is about: its argument,
// --definition, or the project file.
func (p *program) fileArgument(o *options, args []string) (string, error) {
	switch {
	case len(args) == 1:
		return args[0], nil
	case o.definition != "":
		return o.definition, nil
	}
	path, err := p.findProject()
	if err == nil && path == "" {
		err = usagef("there is no godwit.yaml here or above, up to the root of the repository").hint("name a file")
	}
	return path, err
}

func (p *program) check(cmd *cobra.Command, o *options, path string, secrets bool) error {
	def, err := p.loadDefinition(o, path)
	if err != nil {
		return err
	}
	defer def.Close() // no client was made
	if err = def.Validate(); err == nil && secrets {
		err = def.Check(cmd.Context())
	}
	if err != nil {
		return err
	}
	warnings := def.Warnings()
	for _, w := range warnings {
		p.say("warning: " + w)
	}
	if len(warnings) > 0 && o.strict {
		return failuref(exitDefinition, "%s: %s, and --strict makes warnings errors", path, count(len(warnings), "warning"))
	}
	return p.listAPIs(def, path)
}

// listAPIs prints what a definition has.
func (p *program) listAPIs(def *definition.Definition, path string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", output.Escape(path), count(len(def.APIs()), "API"))
	for _, name := range def.APIs() {
		config, err := def.Config(name)
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%s  %s  %s\n", name, output.Escape(config.BaseURL), count(len(config.Operations), "operation"))
		for _, op := range sortedKeys(config.Operations) {
			line := "  " + op + "  " + config.Operations[op].Request
			if s := config.Operations[op].Summary; s != "" {
				line += "  " + s
			}
			b.WriteString(output.Escape(line) + "\n")
		}
	}
	_, err := io.WriteString(p.stdout(), b.String())
	return err
}

// count is a number of things.
func count(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return strconv.Itoa(n) + " " + thing
}
