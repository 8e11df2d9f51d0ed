package tradewind

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// objectChecks is what encoding/json does not look at: presence of properties, null, and the tag.
type objectChecks struct {
	name       string
	tag        string
	tagValue   string
	present    []string
	notNull    []string
	fullOfSome []string
}

func object(name string) objectChecks {
	return objectChecks{name: name}
}

// tagged names the property that tells the variants of a union apart. It may be missing, since a variant that is read
// by itself is known already.
func (o objectChecks) tagged(property, value string) objectChecks {
	o.tag, o.tagValue = property, value
	return o
}

// needs names properties that are present and not null.
func (o objectChecks) needs(properties ...string) objectChecks {
	o.notNull = properties
	return o
}

// needsAny names properties that are present and may be null.
func (o objectChecks) needsAny(properties ...string) objectChecks {
	o.present = properties
	return o
}

// elements names arrays and maps that hold no null.
func (o objectChecks) elements(properties ...string) objectChecks {
	o.fullOfSome = properties
	return o
}

func (o objectChecks) check(data []byte) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		return fmt.Errorf("%s: %w", o.name, err)
	}
	if members == nil {
		return fmt.Errorf("%s: null is not an object", o.name)
	}
	for _, property := range slices.Concat(o.notNull, o.present) {
		if _, found := members[property]; !found {
			return fmt.Errorf("%s: required property %q is missing", o.name, property)
		}
	}
	for _, property := range o.notNull {
		if isNull(members[property]) {
			return fmt.Errorf("%s: property %q may not be null", o.name, property)
		}
	}
	for _, property := range o.fullOfSome {
		if holdsNull(members[property]) {
			return fmt.Errorf("%s: an element of %q may not be null", o.name, property)
		}
	}
	return o.checkTag(members)
}

func (o objectChecks) checkTag(members map[string]json.RawMessage) error {
	raw, found := members[o.tag]
	if o.tag == "" || !found {
		return nil
	}
	var tag string
	if err := json.Unmarshal(raw, &tag); err != nil {
		return fmt.Errorf("%s: %q: %w", o.name, o.tag, err)
	}
	if tag != o.tagValue {
		return unknownTag(o.name, o.tag, tag)
	}
	return nil
}

func isNull(raw json.RawMessage) bool {
	return bytes.Equal(bytes.TrimSpace(raw), []byte("null"))
}

// holdsNull looks into arrays and objects only; a value of another kind is refused when it is read.
func holdsNull(raw json.RawMessage) bool {
	var items []json.RawMessage
	if json.Unmarshal(raw, &items) == nil {
		return slices.ContainsFunc(items, isNull)
	}
	var values map[string]json.RawMessage
	if json.Unmarshal(raw, &values) == nil {
		for _, value := range values {
			if isNull(value) {
				return true
			}
		}
	}
	return false
}

// readTag is the value of the property that tells the variants of a union apart.
func readTag(union, property string, data []byte) (string, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		return "", fmt.Errorf("%s: %w", union, err)
	}
	var tag *string
	if raw, found := members[property]; found {
		if err := json.Unmarshal(raw, &tag); err != nil {
			return "", fmt.Errorf("%s: %q: %w", union, property, err)
		}
	}
	if tag == nil {
		return "", fmt.Errorf("%s: required property %q is missing", union, property)
	}
	return *tag, nil
}

func unknownTag(name, property, tag string) error {
	return fmt.Errorf("%s: %q has the unknown value %q", name, property, tag)
}

func decodeAs[T any](data []byte) (T, error) {
	var value T
	err := json.Unmarshal(data, &value)
	return value, err
}

func encodeVariant(union string, value any) ([]byte, error) {
	if value == nil {
		return nil, errors.New(union + ": no variant is set")
	}
	return json.Marshal(value)
}

func decodeWord[T ~string](target *T, name string, text []byte, known ...T) error {
	word := T(text)
	if !slices.Contains(known, word) {
		return fmt.Errorf("%s: unknown value %q", name, string(text))
	}
	*target = word
	return nil
}

func orDefault[T any](value *T, standsFor T) T {
	if value == nil {
		return standsFor
	}
	return *value
}
