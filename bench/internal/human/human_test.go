package human

import (
	"math"
	"testing"
	"time"
)

func TestQuantitiesReadWell(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{Count(0), "0"}, {Count(999), "999"}, {Count(1000), "1,000"}, {Count(uint64(1234567)), "1,234,567"}, {Count(-1000), "-1,000"},
		{Number(0), "0"}, {Number(0.1234), "0.123"}, {Number(8.314), "8.31"}, {Number(83.14), "83.1"}, {Number(831.4), "831"}, {Number(123456.7), "123,457"},
		{Number(math.NaN()), "–"}, {Number(0.00012), "0.00012"},
		{Short(0.5), "0.5"}, {Short(950), "950"}, {Short(12345), "12.3k"}, {Short(4.56e6), "4.56M"}, {Short(2e9), "2G"},
		{Duration(0), "0 ns"}, {Duration(999), "999 ns"}, {Duration(1500), "1.50 µs"}, {Duration(2 * time.Millisecond), "2 ms"},
		{Duration(12340 * time.Microsecond), "12.3 ms"}, {Duration(90 * time.Second), "90 s"}, {Duration(150 * time.Second), "2m30s"},
		{Bytes(12), "12 B"}, {Bytes(1536), "1.50 KiB"}, {Bytes(3 << 20), "3 MiB"}, {Bytes(5.5 * (1 << 30)), "5.50 GiB"},
		{Percent(0), "0 %"}, {Percent(0.034), "3.4 %"}, {Percent(0.5), "50 %"},
		{Plural(1, "thread"), "1 thread"}, {Plural(2000, "thread"), "2,000 threads"},
	} {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
}
