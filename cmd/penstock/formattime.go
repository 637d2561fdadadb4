package main

import (
	"fmt"
	"time"
)

// Conversions of strftime that Go's layouts express.
var timeLayouts = map[byte]string{
	'a': "Mon", 'A': "Monday", 'b': "Jan", 'B': "January", 'c': "Mon Jan _2 15:04:05 2006", 'd': "02", 'D': "01/02/06",
	'e': "_2", 'F': "2006-01-02", 'h': "Jan", 'H': "15", 'I': "03", 'j': "002", 'm': "01", 'M': "04", 'p': "PM",
	'P': "pm", 'r': "03:04:05 PM", 'R': "15:04", 'S': "05", 'T': "15:04:05", 'x': "01/02/06", 'X': "15:04:05",
	'y': "06", 'Y': "2006", 'z': "-0700", 'Z': "MST",
}

// Those that they do not, and @N, the nanoseconds.
var timeFunctions = map[byte]func(t time.Time) string{
	'C': func(t time.Time) string { return fmt.Sprintf("%02d", t.Year()/100) },
	'g': func(t time.Time) string { y, _ := t.ISOWeek(); return fmt.Sprintf("%02d", y%100) },
	'G': func(t time.Time) string { y, _ := t.ISOWeek(); return fmt.Sprint(y) },
	'k': func(t time.Time) string { return fmt.Sprintf("%2d", t.Hour()) },
	'l': func(t time.Time) string { return fmt.Sprintf("%2d", (t.Hour()+11)%12+1) },
	'n': func(time.Time) string { return "\n" },
	'N': func(t time.Time) string { return fmt.Sprintf("%09d", t.Nanosecond()) },
	's': func(t time.Time) string { return fmt.Sprint(t.Unix()) },
	't': func(time.Time) string { return "\t" },
	'u': func(t time.Time) string { return fmt.Sprint((int(t.Weekday())+6)%7 + 1) },
	'U': func(t time.Time) string { return fmt.Sprintf("%02d", (t.YearDay()+6-int(t.Weekday()))/7) },
	'V': func(t time.Time) string { _, w := t.ISOWeek(); return fmt.Sprintf("%02d", w) },
	'w': func(t time.Time) string { return fmt.Sprint(int(t.Weekday())) },
	'W': func(t time.Time) string { return fmt.Sprintf("%02d", (t.YearDay()+6-(int(t.Weekday())+6)%7)/7) },
	'%': func(time.Time) string { return "%" },
}

// timeDirective is the strftime conversion named by c, in the C locale.
func timeDirective(c byte) (func(t time.Time) string, bool) {
	if f, ok := timeFunctions[c]; ok {
		return f, true
	}
	layout, ok := timeLayouts[c]
	return func(t time.Time) string { return t.Format(layout) }, ok
}
