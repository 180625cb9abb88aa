package godwit

import (
	"log/slog"
	"net/http"
	"reflect"
	"testing"

	"github.com/godwit-go/godwit/secret"
)

// TestCloneSharesNothing fills every map, list and pointer of a Config, those of
// the policies included, and looks for one that its copy shares: a client must
// not change because its maker goes on using what it was made of.
func TestCloneSharesNothing(t *testing.T) {
	t.Parallel()
	var config Config
	fillParts(reflect.ValueOf(&config).Elem())
	copied := clone(config)
	if !reflect.DeepEqual(config.Operations, copied.Operations) || !reflect.DeepEqual(config.Auth.Bearer, copied.Auth.Bearer) {
		t.Error("the copy differs")
	}
	sharedParts(t, "Config", reflect.ValueOf(config), reflect.ValueOf(copied))
}

// immutable are the types that may be shared.
var immutable = []reflect.Type{
	reflect.TypeFor[secret.Secret](), reflect.TypeFor[*slog.Logger](), reflect.TypeFor[http.RoundTripper](),
}

func isImmutable(t reflect.Type) bool {
	for _, i := range immutable {
		if t == i {
			return true
		}
	}
	return t.Kind() == reflect.Func || t.Kind() == reflect.Interface
}

func fillParts(v reflect.Value) {
	if isImmutable(v.Type()) {
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fillParts(v.Field(i))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fillParts(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fillParts(v.Index(0))
	case reflect.Map:
		elem := reflect.New(v.Type().Elem()).Elem()
		fillParts(elem)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.Zero(v.Type().Key()), elem)
	}
}

func sharedParts(t *testing.T, path string, a, b reflect.Value) {
	if isImmutable(a.Type()) {
		return
	}
	switch a.Kind() {
	case reflect.Struct:
		for i := range a.NumField() {
			sharedParts(t, path+"."+a.Type().Field(i).Name, a.Field(i), b.Field(i))
		}
	case reflect.Pointer, reflect.Slice, reflect.Map:
		if a.IsNil() {
			t.Errorf("%s was not filled", path)
		}
		if a.Pointer() == b.Pointer() {
			t.Errorf("%s is shared", path)
			return
		}
		switch a.Kind() {
		case reflect.Pointer:
			sharedParts(t, path, a.Elem(), b.Elem())
		case reflect.Slice:
			sharedParts(t, path, a.Index(0), b.Index(0))
		default:
			for _, k := range a.MapKeys() {
				sharedParts(t, path, a.MapIndex(k), b.MapIndex(k))
			}
		}
	}
}
