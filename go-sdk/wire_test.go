package tradewind

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// golden is a file of schemas/head/examples.
type golden struct {
	Type  string
	Valid []struct {
		Name  string
		Value json.RawMessage
	}
	Invalid []struct {
		Name      string
		Value     json.RawMessage
		RefusedBy string `json:"refused_by"`
		Because   string
	}
}

func readGoldens(t *testing.T) []golden {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("..", "schemas", "head", "examples", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) == 0 {
		t.Fatal("no examples found")
	}
	goldens := make([]golden, len(paths))
	for i, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, &goldens[i]); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
	return goldens
}

func decodeByName(t *testing.T, name string, data []byte) (any, error) {
	t.Helper()
	construct, found := constructors[name]
	if !found {
		t.Fatalf("no Go type for %s", name)
	}
	value := construct()
	return value, json.Unmarshal(data, value)
}

func TestValidExamplesComeBackAsTheyWere(t *testing.T) {
	for _, file := range readGoldens(t) {
		for _, example := range file.Valid {
			t.Run(file.Type+"/"+example.Name, func(t *testing.T) {
				value, err := decodeByName(t, file.Type, example.Value)
				if err != nil {
					t.Fatal(err)
				}
				written, err := json.Marshal(value)
				if err != nil {
					t.Fatal(err)
				}
				if difference := compare("", parsed(t, example.Value), parsed(t, written)); difference != "" {
					t.Errorf("%s\nread    %s\nwritten %s", difference, example.Value, written)
				}
			})
		}
	}
}

func TestInvalidExamplesAreRefusedByTheirRefuser(t *testing.T) {
	for _, file := range readGoldens(t) {
		for _, example := range file.Invalid {
			t.Run(file.Type+"/"+example.Name, func(t *testing.T) {
				_, err := decodeByName(t, file.Type, example.Value)
				if example.RefusedBy != "server" && err == nil {
					t.Errorf("accepted %s, although %s", example.Value, example.Because)
				}
				if example.RefusedBy == "server" && err != nil {
					t.Errorf("a client is open to what only the server refuses: %v", err)
				}
			})
		}
	}
}

func TestAnUnknownTagIsNamed(t *testing.T) {
	var frame ServerFrame
	err := json.Unmarshal([]byte(`{"frame": "from_the_future"}`), &frame)
	if err == nil || !strings.Contains(err.Error(), `"from_the_future"`) {
		t.Errorf("got %v", err)
	}
}

func TestARequiredCollectionIsNeverWrittenAsNull(t *testing.T) {
	written, err := json.Marshal(Secrets{})
	if err != nil || string(written) != `{"connections":[],"variables":[]}` {
		t.Errorf("got %s, %v", written, err)
	}
}

func TestAUnionWithoutAVariantIsNotWritten(t *testing.T) {
	if written, err := json.Marshal(ServerFrame{}); err == nil {
		t.Errorf("got %s", written)
	}
}

func TestNullInsideACollectionIsRefused(t *testing.T) {
	var renewal LeaseRenewal
	data := []byte(`{"instance_id": "018f9c1e-7a00-7000-8000-000000000001", "dispatches": [null]}`)
	if err := json.Unmarshal(data, &renewal); err == nil {
		t.Errorf("got %+v", renewal)
	}
}

func TestOperationsSpeakOfTypesThatExist(t *testing.T) {
	names := map[string]bool{}
	for _, construct := range constructors {
		_, name, _ := strings.Cut(fmt.Sprintf("%T", construct()), ".")
		names[name] = true
	}
	for id, operation := range Operations {
		for _, body := range []Body{operation.Request, operation.Response} {
			if body.Type != "" && !names[body.Type] {
				t.Errorf("%s: no type %s", id, body.Type)
			}
		}
	}
}

func parsed(t *testing.T, data []byte) any {
	t.Helper()
	var value any
	if err := json.Unmarshal(data, &value); err != nil {
		t.Fatal(err)
	}
	return value
}

// compare tells where two JSON values differ in meaning: points in time may be written in several ways.
func compare(place string, want, got any) string {
	switch want := want.(type) {
	case map[string]any:
		return compareObjects(place, want, got)
	case []any:
		items, ok := got.([]any)
		if !ok || len(items) != len(want) {
			return fmt.Sprintf("%s: want %v, got %v", place, want, got)
		}
		for i := range want {
			if difference := compare(fmt.Sprintf("%s/%d", place, i), want[i], items[i]); difference != "" {
				return difference
			}
		}
		return ""
	}
	if want == got || sameMoment(want, got) {
		return ""
	}
	return fmt.Sprintf("%s: want %v, got %v", place, want, got)
}

func compareObjects(place string, want map[string]any, got any) string {
	members, ok := got.(map[string]any)
	if !ok || len(members) != len(want) {
		return fmt.Sprintf("%s: want %v, got %v", place, want, got)
	}
	for key := range want {
		value, found := members[key]
		if !found {
			return fmt.Sprintf("%s/%s: is missing", place, key)
		}
		if difference := compare(place+"/"+key, want[key], value); difference != "" {
			return difference
		}
	}
	return ""
}

func sameMoment(want, got any) bool {
	first, firstIsText := want.(string)
	second, secondIsText := got.(string)
	if !firstIsText || !secondIsText {
		return false
	}
	moment, err := time.Parse(time.RFC3339Nano, first)
	other, otherErr := time.Parse(time.RFC3339Nano, second)
	return err == nil && otherErr == nil && moment.Equal(other)
}
