package config

import (
	"errors"
	"fmt"
	"reflect"
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
	// Note is what has to be known before it is set; mostly empty.
	Note string
	// Default is its default as Set would read it.
	Default string
}

// Options lists every setting in the order of the structs.
func Options() []Option {
	var options []Option
	Default().walk(func(path, env string, tag reflect.StructTag, field reflect.Value) {
		flag := tag.Get("flag")
		if flag == "" {
			flag = strings.NewReplacer(".", "-", "_", "-").Replace(path)
		}
		options = append(options, Option{Path: path, Env: env, Flag: flag, Note: tag.Get("note"), Default: text(field)})
	})
	return options
}

// ApplyEnv takes each setting that the environment names; an empty value is a value.
// Other names are passed over, SLUICE_ or not: Kubernetes itself makes SLUICE_SERVICE_HOST
// and the like for a service called sluice.
func (c *Config) ApplyEnv(lookup func(string) (string, bool)) error {
	var faults []error
	c.walk(func(path, env string, _ reflect.StructTag, field reflect.Value) {
		text, set := lookup(env)
		if !set {
			return
		}
		c.sources[path] = env
		if err := assign(field, text); err != nil {
			faults = append(faults, fmt.Errorf("%s: %s: %w", env, path, err))
		}
	})
	return errors.Join(faults...)
}

// Set changes one setting from text. The source is what a fault will name: a flag.
func (c *Config) Set(path, text, source string) error {
	err := fmt.Errorf("%s: there is no setting %s", source, path)
	c.walk(func(own, _ string, _ reflect.StructTag, field reflect.Value) {
		if own != path {
			return
		}
		c.sources[path] = source
		if err = assign(field, text); err != nil {
			err = fmt.Errorf("%s: %s: %w", source, path, err)
		}
	})
	return err
}

// walk calls visit for every setting, with its path, its environment name, its tag and its value.
func (c *Config) walk(visit func(path, env string, tag reflect.StructTag, field reflect.Value)) {
	walkStruct("", reflect.ValueOf(c).Elem(), visit)
}

func walkStruct(prefix string, v reflect.Value, visit func(path, env string, tag reflect.StructTag, field reflect.Value)) {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if !field.IsExported() {
			continue
		}
		path := prefix + field.Tag.Get("yaml")
		if field.Type.Kind() == reflect.Struct {
			walkStruct(path+".", v.Field(i), visit)
			continue
		}
		env := field.Tag.Get("env")
		if env == "" {
			env = "SLUICE_" + strings.ToUpper(strings.ReplaceAll(path, ".", "_"))
		}
		visit(path, env, field.Tag, v.Field(i))
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
	}
	return fmt.Sprint(field.Interface())
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
	case *bool:
		if text != "true" && text != "false" {
			return fmt.Errorf("%q is neither true nor false", text)
		}
		*target = text == "true"
	case *Bytes:
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
