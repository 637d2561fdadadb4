package transcript

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// folded is how long a run of lines must be to be cut.
const folded = 8

// fold cuts runs of lines whose numbers count up by one, or stay, to the first and the last of them.
func fold(lines []string) (out []string) {
	for i := 0; i < len(lines); {
		j := i + 1
		for j < len(lines) && follows(lines[j-1], lines[j]) {
			j++
		}
		if j-i < folded {
			out = append(out, lines[i:j]...)
		} else {
			who, _, _ := strings.Cut(lines[i], "<")
			out = append(out, lines[i], fmt.Sprintf("%s< ... %d more", who, j-i-2), lines[j-1])
		}
		i = j
	}
	return out
}

var number = regexp.MustCompile(`\d+`)

// follows tells whether b is a with some of its numbers one higher.
func follows(a, b string) bool {
	if who, _, _ := strings.Cut(a, "<"); !strings.HasPrefix(b, who+"<") {
		return false
	}
	if number.ReplaceAllString(a, "#") != number.ReplaceAllString(b, "#") {
		return false
	}
	x, y := number.FindAllString(a, -1), number.FindAllString(b, -1)
	for i := range x {
		n, _ := strconv.Atoi(x[i])
		m, _ := strconv.Atoi(y[i])
		if m != n && m != n+1 {
			return false
		}
	}
	return true
}
