package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// help prints one screen: examples first, then the flags by name. godwit help
// flags says what each means.
func (p *program) help(cmd *cobra.Command, _ []string) {
	var b strings.Builder
	switch {
	case cmd.Name() == "flags":
		flagsHelp(&b)
	case cmd.HasParent():
		commandHelp(&b, cmd)
	default:
		rootHelp(&b, cmd)
	}
	_, _ = io.WriteString(p.stdout(), b.String()) // help has no exit code of its own
}

func rootHelp(b *strings.Builder, root *cobra.Command) {
	fmt.Fprintf(b, "%s\n\n  %s\n\n", root.Short, root.Example)
	for _, c := range root.Commands() {
		if c.IsAvailableCommand() && c.Name() != "help" {
			fmt.Fprintf(b, "  %-11s %s\n", c.Name(), c.Short)
		}
	}
	b.WriteString("\ngodwit TARGET is short for godwit get TARGET. More: godwit COMMAND --help, godwit help flags\n")
}

func commandHelp(b *strings.Builder, cmd *cobra.Command) {
	fmt.Fprintf(b, "%s\n", cmd.Short)
	if cmd.HasExample() {
		b.WriteString("\n  " + strings.ReplaceAll(cmd.Example, "\n", "\n  ") + "\n")
	}
	fmt.Fprintf(b, "\nusage: godwit %s\n", cmd.Use)
	if cmd.Flags().Lookup("form") != nil {
		b.WriteString("items: name=text name:=json name==query Name:header name@file @body, each with @file for a value\n")
	}
	var own []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Name != "help" {
			own = append(own, flagName(f))
		}
	})
	if len(own) > 0 {
		b.WriteString("\nflags (godwit help flags explains them):\n")
		wrap(b, own)
	}
}

// flagName is a flag with its shorthand and what it takes.
func flagName(f *pflag.Flag) string {
	name := "--" + f.Name
	if f.Shorthand != "" {
		name = "-" + f.Shorthand + "|" + name
	}
	if placeholder, _ := pflag.UnquoteUsage(f); f.NoOptDefVal == "" && placeholder != "" {
		name += " " + strings.ToUpper(strings.ReplaceAll(placeholder, " ", ""))
	}
	return name
}

func wrap(b *strings.Builder, words []string) {
	const width = 100
	line := " "
	for _, w := range words {
		if len(line)+1+len(w) > width {
			b.WriteString(line + "\n")
			line = " "
		}
		line += " " + w
	}
	b.WriteString(line + "\n")
}

// newHelpFlags is a page of help without a command.
func newHelpFlags() *cobra.Command {
	return &cobra.Command{Use: "flags", Short: "What each flag means", Hidden: true, Args: noArguments, RunE: func(cmd *cobra.Command, _ []string) error {
		return cmd.Help()
	}}
}

func flagsHelp(b *strings.Builder) {
	b.WriteString("Each flag can be set by an environment variable: --ok-status by GODWIT_OK_STATUS.\n")
	for _, g := range []struct {
		title string
		group group
	}{{"Call", callGroup}, {"Flow", flowGroup}, {"Output", outputGroup}, {"Definition", definitionGroup}} {
		flags := pflag.NewFlagSet("", pflag.ContinueOnError)
		new(options).bind(flags, g.group)
		fmt.Fprintf(b, "\n%s\n%s", g.title, flags.FlagUsages())
	}
}
