package cli

import (
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/godwit-go/godwit"
	"github.com/godwit-go/godwit/cmd/internal/cli/target"
	"github.com/godwit-go/godwit/definition"
)

// newCompletion prints completion scripts.
func (p *program) newCompletion() *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use: "completion bash|zsh|fish|powershell", Short: "Print a completion script for a shell",
		Example: "source <(godwit completion bash)\ngodwit completion zsh > \"${fpath[1]}/_godwit\"", ValidArgs: shells,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("completion: name one shell").hint("bash, zsh, fish or powershell")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			root, w := cmd.Root(), p.stdout()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(w, true)
			case "zsh":
				return root.GenZshCompletion(w)
			case "fish":
				return root.GenFishCompletion(w, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(w)
			}
			return usagef("completion: the shell %s is not known", quoted(args[0])).hint("bash, zsh, fish or powershell")
		},
	}
}

// completeOperation completes an API's name, then that of an operation, from
// definitions that are trusted already. Nothing is asked and nothing is sent.
func (p *program) completeOperation(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	switch len(args) {
	case 0:
		return p.knownAPIs(cmd), cobra.ShellCompDirectiveNoFileComp
	case 1:
		return p.knownOperations(cmd, args[0]), cobra.ShellCompDirectiveNoFileComp
	}
	return p.knownParameters(cmd, args[0], args[1]), cobra.ShellCompDirectiveNoSpace
}

// completeTarget completes api:/.
func (p *program) completeTarget(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	names := p.knownAPIs(cmd)
	for i := range names {
		names[i] += ":/"
	}
	return names, cobra.ShellCompDirectiveNoSpace
}

// completeRequest completes the target behind a method.
func (p *program) completeRequest(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return p.completeTarget(cmd, args[1:], word)
}

// completeExplained completes the call behind explain.
func (p *program) completeExplained(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	switch {
	case len(args) == 0:
		targets, directive := p.completeTarget(cmd, nil, word)
		return append(targets, append(slices.Clone(verbs), "request", "call")...), directive
	case args[0] == "call":
		return p.completeOperation(cmd, args[1:], word)
	case args[0] == "request":
		return p.completeRequest(cmd, args[1:], word)
	case slices.Contains(verbs, args[0]):
		return p.completeTarget(cmd, args[1:], word)
	}
	return nil, cobra.ShellCompDirectiveDefault
}

// completeFlags adds the values of flags. They are asked for while a shell
// completes only: calls do not pay for it.
func (p *program) completeFlags(root *cobra.Command) {
	values := map[string]cobra.CompletionFunc{
		"output": cobra.FixedCompletions(forms[1:], cobra.ShellCompDirectiveNoFileComp),
		"class":  cobra.FixedCompletions(classNames, cobra.ShellCompDirectiveNoFileComp),
		"as":     cobra.FixedCompletions([]string{"curl"}, cobra.ShellCompDirectiveNoFileComp),
		"auth":   cobra.FixedCompletions([]string{"bearer=env:", "basic=", "header=", "query="}, cobra.ShellCompDirectiveNoSpace),
		"profile": func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
			return p.knownProfiles(cmd), cobra.ShellCompDirectiveNoFileComp
		},
	}
	for _, cmd := range root.Commands() {
		for name, f := range values {
			if cmd.Flags().Lookup(name) != nil {
				_ = cmd.RegisterFlagCompletionFunc(name, f) // the flag is there, and once
			}
		}
	}
}

// completionOptions are the flags that decide which definition is used.
func (p *program) completionOptions(cmd *cobra.Command) *options {
	o := &options{noInput: true}
	if f := cmd.Flags().Lookup("definition"); f != nil {
		o.definition = f.Value.String()
	}
	if o.definition == "" {
		o.definition = getenv("GODWIT_DEFINITION")
	}
	return o
}

// trustedDefinition is the definition that may be read without a question; nil
// if there is none, or one that cannot be read: a completion has nowhere to say
// why.
func (p *program) trustedDefinition(o *options) *definition.Definition {
	if o.definition != "" {
		def, err := p.loadDefinition(o, o.definition)
		if err != nil {
			return nil
		}
		return def
	}
	path, err := p.findProject()
	if err != nil || path == "" {
		return nil
	}
	f, err := p.loadProject(o, path)
	if err != nil {
		return nil
	}
	if ok, err := f.trusted(); err != nil || !ok {
		return nil
	}
	return f.def
}

func (p *program) knownAPIs(cmd *cobra.Command) []string {
	o := p.completionOptions(cmd)
	var names []string
	if o.definition == "" {
		names = userAPIs()
	}
	if def := p.trustedDefinition(o); def != nil {
		names = append(names, def.APIs()...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (p *program) knownProfiles(cmd *cobra.Command) []string {
	if def := p.trustedDefinition(p.completionOptions(cmd)); def != nil {
		return def.Profiles()
	}
	return nil
}

// operations are those of an API; none if it cannot be read without a question.
func (p *program) operations(cmd *cobra.Command, api string) map[string]godwit.Operation {
	def, err := p.open(cmd.Context(), p.completionOptions(cmd), api)
	if err != nil {
		return nil
	}
	config, err := def.Config(api)
	if err != nil {
		return nil
	}
	return config.Operations
}

func (p *program) knownOperations(cmd *cobra.Command, api string) []string {
	var out []string
	for name, op := range p.operations(cmd, api) {
		if op.Summary != "" {
			name += "\t" + op.Summary
		}
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// knownParameters are the names that an operation declares, as items.
func (p *program) knownParameters(cmd *cobra.Command, api, operation string) []string {
	op := p.operations(cmd, api)[operation]
	names := append(target.Target{Path: op.Request}.Params(), slices.Collect(maps.Keys(op.Params))...)
	for i := range names {
		names[i] += "="
	}
	slices.Sort(names)
	return slices.Compact(names)
}
