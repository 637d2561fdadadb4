// Package human writes quantities for people: three digits that count, and a unit that fits.
package human

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// Count groups the digits of a number by thousands: 1,234,567.
func Count[T ~int | ~int64 | ~uint64](n T) string {
	digits := strconv.FormatInt(int64(n), 10)
	sign := ""
	if digits[0] == '-' {
		sign, digits = "-", digits[1:]
	}
	var b strings.Builder
	b.WriteString(sign)
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}

// Number is a figure of any size: whole and grouped from 1,000 up, three digits below.
func Number(f float64) string {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return "–"
	}
	if math.Abs(f) >= 999.5 && math.Abs(f) < 1e18 {
		return Count(int64(math.Round(f)))
	}
	return digits(f)
}

// digits rounds to three digits; a whole number has nothing behind the point.
func digits(f float64) string {
	switch a := math.Abs(f); {
	case f == math.Trunc(f) || a >= 99.95:
		return strconv.FormatFloat(f, 'f', 0, 64)
	case a >= 9.995:
		return strconv.FormatFloat(f, 'f', 1, 64)
	case a >= 0.9995:
		return strconv.FormatFloat(f, 'f', 2, 64)
	case a >= 0.0005:
		return strconv.FormatFloat(f, 'f', 3, 64)
	}
	return strconv.FormatFloat(f, 'g', 2, 64)
}

// Short is a figure that has to fit anywhere: 0.5, 950, 12.3k, 4.56M.
func Short(f float64) string {
	switch a := math.Abs(f); {
	case a >= 999.5e6:
		return trim(digits(f/1e9)) + "G"
	case a >= 999.5e3:
		return trim(digits(f/1e6)) + "M"
	case a >= 999.5:
		return trim(digits(f/1e3)) + "k"
	}
	return trim(digits(f))
}

// trim drops zeros behind the point that say nothing.
func trim(digits string) string {
	if strings.Contains(digits, ".") && !strings.Contains(digits, "e") {
		return strings.TrimSuffix(strings.TrimRight(digits, "0"), ".")
	}
	return digits
}

// Duration takes ns, µs, ms or s, and minutes from two of them up.
func Duration(d time.Duration) string {
	switch a := d.Abs(); {
	case a < time.Microsecond:
		return strconv.FormatInt(int64(d), 10) + " ns"
	case a < time.Millisecond:
		return digits(float64(d)/1e3) + " µs"
	case a < time.Second:
		return digits(float64(d)/1e6) + " ms"
	case a < 2*time.Minute:
		return digits(d.Seconds()) + " s"
	}
	return d.Round(time.Second).String()
}

// Bytes takes B, KiB, MiB or GiB.
func Bytes(n float64) string {
	switch a := math.Abs(n); {
	case a < 1<<10:
		return digits(math.Round(n)) + " B"
	case a < 1<<20:
		return digits(n/(1<<10)) + " KiB"
	case a < 1<<30:
		return digits(n/(1<<20)) + " MiB"
	}
	return digits(n/(1<<30)) + " GiB"
}

// Percent writes a share: 0.034 is 3.4 %.
func Percent(share float64) string {
	if p := share * 100; p >= 9.95 || p == 0 {
		return strconv.FormatFloat(p, 'f', 0, 64) + " %"
	}
	return strconv.FormatFloat(share*100, 'f', 1, 64) + " %"
}

// Plural is "1 thread" or "2 threads".
func Plural[T ~int | ~int64 | ~uint64](n T, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return Count(n) + " " + one + "s"
}
