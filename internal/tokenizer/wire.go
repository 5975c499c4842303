package tokenizer

import (
	"encoding/binary"
	"math"
)

// field is one field of a protobuf message: bytes for wire type 2, else number.
type field struct {
	tag    int
	wire   int
	number uint64
	bytes  []byte
}

// fields calls f for each field of a protobuf message. Groups, which no file here has, are corrupt.
func fields(data []byte, f func(field) error) error {
	for len(data) > 0 {
		key, n := binary.Uvarint(data)
		if n <= 0 || key>>3 == 0 || key>>3 > math.MaxInt32 {
			return corrupt("bad protobuf key")
		}
		x := field{tag: int(key >> 3), wire: int(key & 7)}
		n, err := x.read(data[n:], n)
		if err != nil {
			return err
		}
		if err := f(x); err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

// read takes the value at the start of data and gives the length of the whole field, of which
// the key has taken key bytes.
func (x *field) read(data []byte, key int) (int, error) {
	size := map[int]int{1: 8, 5: 4}[x.wire]
	switch x.wire {
	case 0, 2:
		number, n := binary.Uvarint(data)
		if n <= 0 {
			return 0, corrupt("bad protobuf number")
		}
		if x.wire == 0 {
			x.number = number
			return key + n, nil
		}
		if number > uint64(len(data)-n) {
			return 0, corrupt("protobuf field %d claims %d bytes, %d are left", x.tag, number, len(data)-n)
		}
		x.bytes = data[n : n+int(number)]
		return key + n + int(number), nil
	case 1, 5:
		if len(data) < size {
			return 0, corrupt("protobuf field %d is cut short", x.tag)
		}
		for i := size - 1; i >= 0; i-- {
			x.number = x.number<<8 | uint64(data[i])
		}
		return key + size, nil
	}
	return 0, corrupt("protobuf field %d has wire type %d", x.tag, x.wire)
}

func (x field) float() float32 { return math.Float32frombits(uint32(x.number)) }

// int gives an int32 field, which protobuf writes as the 64 bits of its value.
func (x field) int() int { return int(int32(x.number)) }
