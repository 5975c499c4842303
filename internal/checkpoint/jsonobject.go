package checkpoint

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// eachKey walks one JSON object and calls value for each key, which must read
// the value from d. Unlike json.Unmarshal it refuses a key that occurs twice.
func eachKey(d *json.Decoder, value func(key string) error) error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	if t != json.Delim('{') {
		return fmt.Errorf("%.100q stands where an object should start", fmt.Sprint(t))
	}
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return err
		}
		key := t.(string) // the decoder admits nothing else here
		if seen[key] {
			return fmt.Errorf("the name %q occurs twice", key)
		}
		seen[key] = true
		if err := value(key); err != nil {
			return err
		}
	}
	_, err = d.Token()
	return err
}

// parseObject is eachKey for a text that holds nothing else.
func parseObject(text []byte, value func(d *json.Decoder, key string) error) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := eachKey(d, func(key string) error { return value(d, key) }); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("there is text after the JSON object")
	}
	return nil
}

// parseStrings reads an object whose values are strings.
func parseStrings(d *json.Decoder) (map[string]string, error) {
	m := map[string]string{}
	return m, eachKey(d, func(key string) error {
		t, err := d.Token()
		if err != nil {
			return err
		}
		s, ok := t.(string)
		if !ok {
			return fmt.Errorf("the value of %q is not a string", key)
		}
		m[key] = s
		return nil
	})
}
