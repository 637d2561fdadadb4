package bench

import (
	"encoding/json"
	"fmt"
	"io"
)

// jsonFormat counts the changes of JSON reports that could break a reader; added fields do not.
const jsonFormat = 1

// jsonReport is a report as it is written. The names are those in the tags of Report and what it holds, and they stay.
//
// Units are the same everywhere: every duration is a whole number of nanoseconds, memory is in bytes, rates are a second,
// shares are between 0 and 1; cpuPerDelivery alone is in microseconds. started is RFC 3339.
type jsonReport struct {
	Format int  `json:"format"`
	Failed bool `json:"failed"` // there were faults
	*Report
}

// JSON writes the report for programs, over several lines.
func (r *Report) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(jsonReport{Format: jsonFormat, Failed: r.Failed(), Report: r})
}

// ReadJSON reads a report that JSON wrote.
func ReadJSON(from io.Reader) (*Report, error) {
	read := jsonReport{Report: new(Report)}
	if err := json.NewDecoder(from).Decode(&read); err != nil {
		return nil, fmt.Errorf("read report: %w", err)
	}
	if read.Format != jsonFormat {
		return nil, fmt.Errorf("read report: it is of format %d, this program knows %d", read.Format, jsonFormat)
	}
	return read.Report, nil
}
