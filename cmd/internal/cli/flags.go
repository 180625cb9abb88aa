package cli

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/godwit-go/godwit/internal/typo"
	"github.com/godwit-go/godwit/policy/limit"
)

// options are the flags of all commands. A command binds the groups it obeys.
type options struct {
	// definition
	definition string
	profile    string
	strict     bool
	noInput    bool

	// call
	auth          string
	params        []string
	form          bool
	multipart     bool
	offline       bool
	as            string
	allowSecret   bool
	proxy         string
	ca, cert, key string
	insecure      bool
	redirects     int

	// flow
	timeout        time.Duration
	connectTimeout time.Duration
	deadline       time.Duration
	retry          int
	retryUnsafe    bool
	idempotencyKey string
	rate           string
	class          string

	// output
	print    string
	jq       string
	slurp    bool
	raw      bool
	output   string
	record   bool
	out      string
	events   string
	quiet    bool
	verbose  int
	okStatus []int

	sources map[string]source // of the flags that are set, by long name
}

// group is a set of flags that belong together.
type group int

const (
	definitionGroup group = 1 << iota
	callGroup
	flowGroup
	outputGroup
	everyGroup = definitionGroup | callGroup | flowGroup | outputGroup
)

// bind declares the flags of groups. GODWIT_<FLAG> sets each of them too.
func (o *options) bind(f *pflag.FlagSet, groups group) {
	if groups&definitionGroup != 0 {
		f.StringVar(&o.definition, "definition", "", "use the APIs of this `FILE`, which counts as trusted for this run")
		f.StringVar(&o.profile, "profile", "", "use the profile of that `NAME`")
		f.BoolVar(&o.strict, "strict", false, "make warnings errors")
		f.BoolVar(&o.noInput, "no-input", false, "never read stdin unless - is given, never ask")
	}
	if groups&callGroup != 0 {
		o.bindCall(f)
	}
	if groups&flowGroup != 0 {
		o.bindFlow(f)
	}
	if groups&outputGroup != 0 {
		o.bindOutput(f)
	}
}

func (o *options) bindCall(f *pflag.FlagSet) {
	f.StringVar(&o.auth, "auth", "", "bearer=REF, basic=USER:REF, header=NAME:REF or query=NAME:REF, for the target's origin; a `REF` is env:NAME or file:PATH")
	f.StringArrayVarP(&o.params, "param", "P", nil, "value for {NAME} in the path, as `NAME=VALUE`")
	f.BoolVar(&o.form, "form", false, "send the body items as a form")
	f.BoolVar(&o.multipart, "multipart", false, "send the body items as multipart/form-data")
	f.BoolVar(&o.offline, "offline", false, "print the request, send nothing")
	f.StringVar(&o.as, "as", "", "print the call in this `FORM`, curl; send nothing")
	f.BoolVar(&o.allowSecret, "allow-secret-argument", false, "take a credential from an argument, where others can see it")
	f.StringVar(&o.proxy, "proxy", "", "`URL` of the proxy, or none")
	f.StringVar(&o.ca, "ca", "", "trust the certificates in this PEM `FILE` in place of the system's")
	f.StringVar(&o.cert, "cert", "", "PEM `FILE` with the client certificate")
	f.StringVar(&o.key, "key", "", "PEM `FILE` with its private key")
	f.BoolVar(&o.insecure, "insecure", false, "do not verify the server's certificate")
	f.IntVar(&o.redirects, "redirects", 10, "follow at most `N` redirects; 0 follows none")
}

func (o *options) bindFlow(f *pflag.FlagSet) {
	f.DurationVar(&o.timeout, "timeout", 0, "limit of one attempt, a `DURATION` such as 10s")
	f.DurationVar(&o.connectTimeout, "connect-timeout", 0, "limit of resolving and connecting, a `DURATION`")
	f.DurationVar(&o.deadline, "deadline", 0, "limit of the whole command, a `DURATION`")
	f.IntVar(&o.retry, "retry", 2, "at most `N` further attempts after failures; 0 is none, for refusals too")
	f.BoolVar(&o.retryUnsafe, "retry-unsafe", false, "retry although the request may be processed twice")
	f.StringVar(&o.rate, "rate", "", "send no faster than this `RATE`, such as 10/s, beside the quotas of the definition")
	f.StringVar(&o.class, "class", "", "patience in line: `CLASS` is interactive, normal or batch, which waits as long as it takes")
	f.StringVar(&o.idempotencyKey, "idempotency-key", "", "send a key that makes retrying safe: auto, or a `REF`")
}

// bindForm declares the flags of whatever prints documents.
func (o *options) bindForm(f *pflag.FlagSet) {
	f.StringVarP(&o.jq, "jq", "q", "", "print what this jq `FILTER` makes of the answer")
	f.BoolVar(&o.slurp, "slurp", false, "run the filter once, over a list of all items")
	f.BoolVarP(&o.raw, "raw", "r", false, "print strings of the filter without quotes")
	f.StringVarP(&o.output, "output", "o", "", "`FORM` of the answer: json, jsonl, yaml, csv, table or raw")
	f.BoolVar(&o.record, "json", false, "print the whole exchange as one JSON record: status, header, attempts, body")
}

func (o *options) bindOutput(f *pflag.FlagSet) {
	f.StringVarP(&o.print, "print", "p", "", "what to print: `LETTERS` of H B (request header, body), h b (response), m (attempts), t (timings)")
	o.bindForm(f)
	f.StringVarP(&o.out, "out", "O", "", "write the answer to `FILE`, complete or not at all")
	f.StringVar(&o.events, "events", "", "append a JSON line for each attempt to `FILE`")
	f.BoolVar(&o.quiet, "quiet", false, "no messages but errors")
	f.CountVarP(&o.verbose, "verbose", "v", "show the exchange on stderr; -vv every attempt")
	f.IntSliceVar(&o.okStatus, "ok-status", nil, "`STATUSES` that are no failure beside 2xx, such as 404,409")
}

// classNames are the values of --class.
var classNames = []string{"interactive", "normal", "batch"}

// forms are the values of --output.
var forms = []string{"", "json", "jsonl", "yaml", "csv", "table", "raw"}

// level says which layer set a flag. A lower one beats a higher one; the
// definition stands between environment and user configuration.
type level int

const (
	fromFlag level = iota
	fromEnvironment
	fromUserConfig
)

// source is where the value of a flag comes from.
type source struct {
	level level
	text  string // such as "flag --timeout"
}

// set reports whether a flag has a value other than its default.
func (o *options) set(name string) bool {
	_, ok := o.sources[name]
	return ok
}

// beats reports whether a flag is set in a layer above the definition, or the
// definition says nothing.
func (o *options) beats(name string, definitionSilent bool) bool {
	s, ok := o.sources[name]
	return ok && (s.level < fromUserConfig || definitionSilent)
}

// hasDeadline reports whether this command has a deadline of its own. One in
// config.yaml is only a default for timeout.total.
func (o *options) hasDeadline() bool { return o.beats("deadline", false) }

// resolve fills the flags from the layers below the command line, and checks
// them.
func (o *options) resolve(flags *pflag.FlagSet, getenv func(string) string, config userConfig) error {
	o.sources = make(map[string]source)
	var err error
	flags.VisitAll(func(f *pflag.Flag) {
		if err == nil && f.Name != "help" {
			err = o.resolveFlag(flags, f, getenv, config)
		}
	})
	if err != nil {
		return err
	}
	return o.check()
}

func (o *options) resolveFlag(flags *pflag.FlagSet, f *pflag.Flag, getenv func(string) string, config userConfig) error {
	variable := "GODWIT_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
	if f.Changed {
		if f.Value.Type() == "string" && f.Value.String() == "" { // most likely a variable that is not set
			return usagef("--%s: its value is empty", f.Name)
		}
		o.sources[f.Name] = source{fromFlag, "flag --" + f.Name}
		return nil
	}
	if v := getenv(variable); v != "" {
		if err := flags.Set(f.Name, v); err != nil {
			return usagef("environment variable %s: its value does not fit --%s, which is %s", variable, f.Name, valueOf(f))
		}
		o.sources[f.Name] = source{fromEnvironment, "environment " + variable}
		return nil
	}
	if v, ok := config.values[f.Name]; ok {
		if err := flags.Set(f.Name, v.text); err != nil {
			return failuref(exitDefinition, "%s:%d:%d: %s: its value does not fit --%s, which is %s", config.path, v.line, v.column, v.key, f.Name, valueOf(f))
		}
		o.sources[f.Name] = source{fromUserConfig, fmt.Sprintf("%s:%d", config.path, v.line)}
	}
	return nil
}

// valueOf says what the value of a flag looks like.
func valueOf(f *pflag.Flag) string {
	switch f.Value.Type() {
	case "bool":
		return "true or false"
	case "int", "count":
		return "a whole number"
	case "duration":
		return "a duration such as 10s or 1m30s"
	case "intSlice":
		return "a list of numbers such as 404,409"
	}
	return "text"
}

// flagError explains a flag that cobra refuses.
func flagError(cmd *cobra.Command, err error) error {
	var value *pflag.InvalidValueError
	var unknown *pflag.NotExistError
	switch {
	case errors.As(err, &value):
		return usagef("--%s: %s does not fit; want %s", value.GetFlag().Name, quoted(value.GetValue()), valueOf(value.GetFlag()))
	case errors.As(err, &unknown):
		var names []string
		add := func(f *pflag.Flag) { names = append(names, f.Name) }
		cmd.Flags().VisitAll(add)
		if !cmd.HasParent() { // the command was not recognised behind that flag
			everyFlag().VisitAll(add)
		}
		if near := typo.Nearest(unknown.GetSpecifiedName(), names); near != "" {
			return usagef("%w", err).hint("did you mean --%s?", near)
		}
	}
	return usagef("%w", err).hint("%s --help", cmd.CommandPath())
}

// everyFlag is what a call knows, for a look at arguments before the command is
// found.
func everyFlag() *pflag.FlagSet {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	new(options).bind(flags, everyGroup)
	flags.BoolP("help", "h", false, "")
	return flags
}

// check refuses values that mean nothing, before anything is done.
func (o *options) check() error {
	for name, d := range map[string]time.Duration{"timeout": o.timeout, "connect-timeout": o.connectTimeout, "deadline": o.deadline} {
		if o.set(name) && d <= 0 {
			return usagef("--%s: %v is not a positive duration", name, d)
		}
	}
	if o.out == "-" || o.out == "/dev/stdout" {
		o.out = "" // as without the flag: a file behind stdout is not replaced
	}
	switch {
	case o.retry < 0 || o.retry > 999:
		return usagef("--retry: %d is not between 0 and 999", o.retry)
	case o.class != "" && !slices.Contains(classNames, o.class):
		return usagef("--class: %s is none of %s", quoted(o.class), strings.Join(classNames, ", "))
	case o.events == "-":
		return usagef("--events: - is no file; stdout belongs to the answer").hint("/dev/stderr writes among the messages")
	case o.redirects < 0:
		return usagef("--redirects: %d is negative", o.redirects)
	case !slices.Contains(forms, o.output):
		return usagef("--output: %s is none of %s", quoted(o.output), strings.Join(forms[1:], ", "))
	case !slices.Contains([]string{"", "curl"}, o.as):
		return usagef("--as: %s is no form; there is curl", quoted(o.as))
	case o.form && o.multipart:
		return usagef("--form and --multipart exclude each other")
	case o.raw && o.jq == "":
		return usagef("--raw needs a filter").hint("add -q FILTER")
	case o.slurp && o.jq == "":
		return usagef("--slurp needs a filter").hint("add -q FILTER")
	case o.raw && slices.Contains([]string{"json", "yaml", "csv", "table"}, o.output):
		return usagef("--raw and --output %s exclude each other", o.output)
	case o.print != "" && (o.jq != "" || o.output != "" || o.record):
		return usagef("--print goes with none of --jq, --output and --json").hint("-v shows the exchange on stderr beside any output")
	}
	if bad := strings.Trim(o.print, "HBhbmt"); bad != "" {
		return usagef("--print: %s holds a letter that is none of H B h b m t", quoted(o.print))
	}
	if err := o.checkRate(); err != nil {
		return err
	}
	for _, s := range o.okStatus {
		if s < 100 || s > 599 {
			return usagef("--ok-status: %s is no status", strconv.Itoa(s))
		}
	}
	return nil
}

// rateQuota is the name of the quota that --rate declares.
const rateQuota = "--rate"

// quota is what --rate declares: for all credentials, because it is the wish of
// whoever types it.
func (o *options) quota() limit.Quota {
	return limit.Quota{Name: rateQuota, Limit: o.rate, Key: "{origin}"}
}

func (o *options) checkRate() error {
	if o.rate == "" {
		return nil
	}
	if _, err := limit.NewLimiter(limit.Config{Quotas: []limit.Quota{o.quota()}}); err != nil {
		return usagef("--rate: %s", strings.TrimPrefix(err.Error(), "limit.quotas[0].limit: "))
	}
	return nil
}

// prepare resolves the flags of cmd.
func (p *program) prepare(cmd *cobra.Command, o *options) error {
	config, err := loadUserConfig()
	if err != nil {
		return err
	}
	return o.resolve(cmd.Flags(), getenv, config)
}
