package config

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Option is one setting, by all of its names.
type Option struct {
	// Path is its place in the file: limits.max_body_bytes.
	Path string
	// Env is its name in the environment: SLUICE_LIMITS_MAX_BODY_BYTES.
	Env string
	// Flag is its name on the command line without dashes: limits-max-body-bytes.
	Flag string
	// Default is its default as Set would read it.
	Default string
	// Kind is the kind of its value: text, list, switch, number, fraction, size or time.
	Kind string
	// Values says in words which values it may have; empty if any.
	Values string
	// Section says of the section that it stands in what that is; empty if it stands in none.
	Section string
	// Help says what it is, in a sentence or two without the default; Text also says what breaks
	// where it is too low or too high, and why the default is what it is.
	Help, Text string
}

// Options lists every setting in the order of the structs.
func Options() []Option {
	var options []Option
	allowed := rules()
	Default().walk(func(at place, field reflect.Value) {
		flag := at.tag.Get("flag")
		if flag == "" {
			flag = strings.NewReplacer(".", "-", "_", "-").Replace(at.path)
		}
		options = append(options, option(at, flag, allowed[at.path], field))
	})
	return options
}

func option(at place, flag, values string, field reflect.Value) Option {
	o := Option{Path: at.path, Env: at.env, Flag: flag, Values: values, Text: texts[at.field]}
	o.Default, o.Kind = text(field), kind(field)
	o.Help = help(o.Text)
	if section, _, _ := strings.Cut(at.field, "."); strings.Contains(at.path, ".") {
		o.Section = texts[section]
	}
	return o
}

// help leaves out of a setting's text what is about its default and about values that are wrong.
func help(text string) string {
	var kept []string
	for sentence := range strings.SplitAfterSeq(text, ". ") {
		sentence = strings.TrimSuffix(sentence, " ")
		if at := strings.Index(sentence, "; too "); at >= 0 {
			sentence = sentence[:at] + "."
		}
		if !strings.HasPrefix(sentence, "Default ") && !strings.HasPrefix(sentence, "Too ") {
			kept = append(kept, sentence)
		}
	}
	return strings.Join(kept, " ")
}

// TopFirst orders options for readers: those of no section come first and together, whatever their
// place in a file.
func TopFirst(all []Option) []Option {
	inSection := func(o Option) int { return min(strings.Count(o.Path, "."), 1) }
	return slices.SortedStableFunc(slices.Values(all), func(a, b Option) int { return inSection(a) - inSection(b) })
}

// kind is what the values of a setting are called.
func kind(field reflect.Value) string {
	switch field.Interface().(type) {
	case []string, []Device, []FeatureStore:
		return "list"
	case map[string]string:
		return "names"
	case bool:
		return "switch"
	case Bytes:
		return "size"
	case PerSecond:
		return "rate"
	case time.Duration:
		return "time"
	case int:
		return "number"
	case float64:
		return "fraction"
	}
	return "text"
}

// ApplyEnv takes each setting that the environment names; an empty value is a value.
// Other names are passed over, SLUICE_ or not: Kubernetes itself makes SLUICE_SERVICE_HOST
// and the like for a service called sluice.
func (c *Config) ApplyEnv(lookup func(string) (string, bool)) error {
	var faults []error
	c.walk(func(at place, field reflect.Value) {
		text, set := lookup(at.env)
		if !set {
			return
		}
		c.sources[at.path] = at.env
		if err := assign(field, text); err != nil {
			faults = append(faults, fmt.Errorf("%s: %s: %w", at.env, at.path, err))
		}
	})
	return errors.Join(faults...)
}

// Set changes one setting from text. The source is what a fault will name: a flag.
func (c *Config) Set(path, text, source string) error {
	err := fmt.Errorf("%s: there is no setting %s", source, path)
	c.walk(func(at place, field reflect.Value) {
		if at.path != path {
			return
		}
		c.sources[path] = source
		if err = assign(field, text); err != nil {
			err = fmt.Errorf("%s: %s: %w", source, path, err)
		}
	})
	return err
}

// place is where a setting is: its path, its name in the environment, its tag, and the name of
// its field, as Limits.MaxHeaders.
type place struct {
	path, env string
	tag       reflect.StructTag
	field     string
}

// walk calls visit for every setting.
func (c *Config) walk(visit func(at place, field reflect.Value)) {
	walkStruct("", reflect.ValueOf(c).Elem(), visit)
}

func walkStruct(prefix string, v reflect.Value, visit func(at place, field reflect.Value)) {
	for field, value := range v.Fields() {
		if !field.IsExported() {
			continue
		}
		path := prefix + field.Tag.Get("yaml")
		if field.Type.Kind() == reflect.Struct {
			walkStruct(path+".", value, visit)
			continue
		}
		env := field.Tag.Get("env")
		if env == "" {
			env = "SLUICE_" + strings.ToUpper(strings.ReplaceAll(path, ".", "_"))
		}
		visit(place{path, env, field.Tag, v.Type().Name() + "." + field.Name}, value)
	}
}

// text writes a setting as assign reads it.
func text(field reflect.Value) string {
	switch list := field.Interface().(type) {
	case []string:
		return strings.Join(list, ",")
	case []Device:
		names := make([]string, len(list))
		for i := range list {
			names[i] = list[i].Name
		}
		return strings.Join(names, ",")
	case []FeatureStore:
		names := make([]string, len(list))
		for i := range list {
			names[i] = list[i].Name
		}
		return strings.Join(names, ",")
	case map[string]string:
		return namesText(list)
	}
	return plain(field.Interface())
}

// plain writes a value without the zeros at a duration's end: 10m, not 10m0s.
func plain(value any) string {
	text := fmt.Sprint(value)
	if _, isTime := value.(time.Duration); isTime {
		for _, zero := range []string{"m0s", "h0m"} {
			if strings.HasSuffix(text, zero) {
				text = text[:len(text)-2]
			}
		}
	}
	return text
}

// assign parses text into a setting; a list is separated by commas. The kinds are those that the structs use.
func assign(field reflect.Value, text string) error {
	switch target := field.Addr().Interface().(type) {
	case *string:
		*target = text
	case *[]string:
		*target = parts(text)
	case *[]Device:
		*target = nil
		for _, name := range parts(text) {
			*target = append(*target, DefaultDevice(name))
		}
	case *[]FeatureStore:
		if text != "" {
			return errors.New("a store is more than a name: describe it in a file of settings")
		}
		*target = nil
	case *bool:
		if text != "true" && text != "false" {
			return fmt.Errorf("%q is neither true nor false", text)
		}
		*target = text == "true"
	case *map[string]string:
		return assignNames(target, text)
	case *Bytes:
		return target.parse(text)
	case *PerSecond:
		return target.parse(text)
	case *time.Duration:
		d, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf("%q is not a duration such as 250ms or 5s", text)
		}
		*target = d
	case *int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("%q is not a whole number", text)
		}
		*target = n
	case *float64:
		x, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return fmt.Errorf("%q is not a number", text)
		}
		*target = x
	default:
		panic(fmt.Sprintf("BUG: no way to set a %s", field.Type()))
	}
	return nil
}

// parts splits a list at its commas.
func parts(text string) (list []string) {
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}
