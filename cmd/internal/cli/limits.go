package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/godwit-go/godwit"
	"github.com/godwit-go/godwit/cmd/internal/cli/output"
	"github.com/godwit-go/godwit/cmd/internal/driver"
	"github.com/godwit-go/godwit/definition"
	"github.com/godwit-go/godwit/internal/origin"
	"github.com/godwit-go/godwit/policy/breaker"
	"github.com/godwit-go/godwit/policy/limit"
)

// How long a store may take to show its lines, and how often --watch looks.
const (
	lookTimeout = 5 * time.Second
	watchEvery  = time.Second
)

// newLimits shows what processes share.
func (p *program) newLimits() *cobra.Command {
	o := new(options)
	var watch bool
	cmd := &cobra.Command{
		Use: "limits [API]", Short: "Show the quotas and breakers that processes share",
		Example: "godwit limits github\ngodwit limits --watch\ngodwit limits github -q '.[] | select(.frozen_seconds > 0) | .quota'",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("limits: at most one API").hint("godwit limits [API]")
			}
			return nil
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return p.knownAPIs(cmd), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := p.prepare(cmd, o); err != nil {
				return err
			}
			return p.limits(cmd.Context(), o, args, watch)
		},
	}
	cmd.Flags().BoolVar(&watch, "watch", false, "show it anew each second, on a terminal")
	o.bind(cmd.Flags(), definitionGroup)
	o.bindForm(cmd.Flags())
	return cmd
}

func (p *program) limits(ctx context.Context, o *options, args []string, watch bool) error {
	format, err := o.format()
	if err != nil {
		return err
	}
	var def *definition.Definition
	var names []string
	if len(args) == 1 {
		names = args
		def, err = p.open(ctx, o, args[0])
	} else if def, err = p.served(ctx, o, "name one: godwit limits --definition FILE"); err == nil {
		names = def.APIs()
	}
	if err != nil {
		return err
	}
	defer def.Close() // no client was made
	if !watch || !p.outTerminal {
		return p.showLimits(ctx, def, names, format)
	}
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		if _, err := io.WriteString(p.stdout(), "\x1b[H\x1b[J"); err != nil { // to the top, and an empty screen
			return err
		}
		if err := p.showLimits(ctx, def, names, format); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// showLimits looks once.
func (p *program) showLimits(ctx context.Context, def *definition.Definition, names []string, format *output.Format) error {
	var all []overview
	for _, name := range names {
		config, err := def.Config(name)
		if err != nil {
			return err
		}
		found, err := look(ctx, name, config)
		if err != nil {
			return err
		}
		all = append(all, found...)
	}
	if format == nil {
		_, err := io.WriteString(p.stdout(), limitsTable(all, time.Now()))
		return err
	}
	rows := []limitRow{}
	for i := range all {
		rows = append(rows, all[i].rows(time.Now())...)
	}
	data, err := json.Marshal(rows)
	if err != nil {
		return err
	}
	f := *format
	f.Terminal, f.Colour = p.outTerminal, p.outTerminal && colourWanted()
	f.Indent = f.Indent || f.Terminal && f.Form == ""
	return f.Write(ctx, p.stdout(), output.NewDocs(bytes.NewReader(data), false))
}

// overview is what is shared about one origin of an API.
type overview struct {
	api, store, origin string
	shared             bool
	lines              []limit.Line
	breaker            breaker.View
	met                bool // the store knows of the breaker
}

// look reads what the store of an API knows. It changes nothing there.
func look(ctx context.Context, name string, config godwit.Config) ([]overview, error) {
	kind := config.Limit.StoreKind
	if kind == "" {
		kind = "process"
	}
	store, ok := config.Limit.Store.(driver.Store)
	if !ok {
		return []overview{{api: name, store: kind, origin: config.BaseURL}}, nil
	}
	gate, err := breaker.NewBreaker(config.Breaker)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	var out []overview
	for _, where := range origins(config) {
		v := overview{api: name, store: kind, origin: where, shared: true}
		if v.lines, err = store.Lines(ctx, where); err == nil {
			v.breaker, v.met, err = gate.Shared(ctx, where)
		}
		if err != nil {
			return nil, failuref(exitNetwork, "limits of %s: the store %s does not answer: %w", name, kind, err)
		}
		if len(out) == 0 || len(v.lines) > 0 || v.met { // of the others only what is in use
			out = append(out, v)
		}
	}
	return out, nil
}

// origins are those that an API may send its credential to, that of base_url
// first.
func origins(config godwit.Config) []string {
	var out []string
	if u, err := url.Parse(config.BaseURL); err == nil { // the definition has refused what is none, here and below
		if o, err := origin.Of(u); err == nil {
			out = append(out, o.String())
		}
	}
	for _, s := range config.Auth.Origins {
		if o, err := origin.Parse(s); err == nil && !slices.Contains(out, o.String()) {
			out = append(out, o.String())
		}
	}
	return out
}

// limitRow is a line in JSON; without a line, what is known of the API.
type limitRow struct {
	API   string `json:"api"`
	Store string `json:"store"`
	*limit.Line
	FrozenUntil string `json:"frozen_until,omitempty"`
	Breaker     string `json:"breaker,omitempty"`
}

func (v *overview) rows(now time.Time) []limitRow {
	row := limitRow{API: v.api, Store: v.store}
	if v.met {
		row.Breaker = v.breaker.State.String()
	}
	if len(v.lines) == 0 {
		return []limitRow{row}
	}
	var out []limitRow
	for i := range v.lines {
		row.Line, row.FrozenUntil = &v.lines[i], ""
		if v.lines[i].Frozen > 0 {
			row.FrozenUntil = now.Add(inTime(v.lines[i].Frozen)).UTC().Format(time.RFC3339)
		}
		out = append(out, row)
	}
	return out
}

// limitsTable is what people see.
func limitsTable(all []overview, now time.Time) string {
	var b strings.Builder
	for i := range all {
		if i > 0 {
			b.WriteString("\n")
		}
		all[i].write(&b, now)
	}
	return b.String()
}

func (v *overview) write(b *strings.Builder, now time.Time) {
	fmt.Fprintf(b, "%s  %s  store %s", v.api, output.Escape(v.origin), v.store)
	if v.shared && len(v.lines) > 0 {
		n := v.lines[0].Processes // the same in all
		fmt.Fprintf(b, ", %d %s", n, map[bool]string{true: "process", false: "processes"}[n == 1])
	}
	if v.met {
		fmt.Fprintf(b, ", breaker %s", v.breaker.State)
		if v.breaker.Outcomes > 0 {
			fmt.Fprintf(b, " (%d of %d failed)", v.breaker.Failures, v.breaker.Outcomes)
		}
		if v.breaker.State == breaker.Open {
			fmt.Fprintf(b, ", next probe in %s", short(v.breaker.Probe.Seconds()))
		}
	}
	b.WriteString("\n")
	switch {
	case !v.shared:
		b.WriteString("  nothing is shared: each command, and a gateway, has lines of its own; limit.store: file or redis shares them\n")
	case len(v.lines) == 0:
		b.WriteString("  no quota has been used lately\n")
	default:
		v.writeLines(b, now)
	}
}

func (v *overview) writeLines(b *strings.Builder, now time.Time) {
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "  QUOTA\tKEY\tMODEL\tLIMIT\tRATE\tISSUED\tQUEUE\tNEXT\tOTHERS\tREFUSED\tIN FLIGHT\tFROZEN") // into memory, here and below
	for _, l := range v.lines {
		frozen := "no"
		if l.Frozen > 0 {
			frozen = short(l.Frozen) + " until " + now.Add(inTime(l.Frozen)).Format("15:04:05")
		}
		key := strings.Join(slices.DeleteFunc([]string{l.Credential, l.Operation, l.Method}, func(s string) bool { return s == "" }), " ")
		if key == "" {
			key = "-"
		}
		model := l.Model
		if l.Cold {
			model += ", cold"
		}
		row := []string{
			output.Escape(l.Quota), output.Escape(key), model, units(l.Limit), rate(l.Rate), units(l.Issued), units(l.Queue),
			short(l.ETA), rate(l.Foreign), units(l.Refused), units(l.InFlight), frozen,
		}
		_, _ = fmt.Fprintln(t, "  "+strings.Join(row, "\t"))
	}
	_ = t.Flush()
}

// units shows an amount to the hundredth.
func units(x float64) string { return strconv.FormatFloat(math.Round(x*100)/100, 'f', -1, 64) }

// rate shows units a second with three digits that count.
func rate(x float64) string {
	if x >= 100 {
		return units(math.Round(x)) + "/s"
	}
	return strconv.FormatFloat(x, 'g', 3, 64) + "/s"
}

// short shows seconds to people: now, 1.5s, 12m30s, never.
func short(seconds float64) string {
	d := inTime(seconds)
	switch {
	case seconds <= 0:
		return "now"
	case d >= 1000*24*time.Hour:
		return "never"
	case d >= 10*time.Second:
		return d.Round(time.Second).String()
	}
	return d.Round(10 * time.Millisecond).String()
}

// inTime converts seconds, within what a Duration can hold.
func inTime(seconds float64) time.Duration {
	return time.Duration(math.Min(seconds, 1e9) * float64(time.Second))
}
