package cli

import (
	"github.com/spf13/cobra"

	"github.com/godwit-go/godwit/definition"
)

// newSchema prints the JSON Schema of definitions, for editors.
func (p *program) newSchema() *cobra.Command {
	return &cobra.Command{
		Use: "schema", Short: "Print the JSON Schema of definitions", Example: "godwit schema > godwit.schema.json", Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			data, err := definition.Schema()
			if err != nil {
				return err
			}
			if len(data) > 0 && data[len(data)-1] != '\n' {
				data = append(data, '\n')
			}
			_, err = p.stdout().Write(data)
			return err
		},
	}
}
