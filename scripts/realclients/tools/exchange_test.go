package tools

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

var versions = []string{"31", "311", "5"}

// The three versions meet in both roles; each message arrives once, at the QoS it was published with.
func TestVersionsExchangeMessagesAtEveryQoS(t *testing.T) {
	eachPair(t, func(t *testing.T, p pair) {
		for _, from := range versions {
			for _, to := range versions {
				t.Run(from+" to "+to, func(t *testing.T) {
					topic := topic(t)
					s := p.Sub(t, "-V", to, "-q", "2", "-t", topic, "-F", "%t %q %r %p", "-C", "3")
					for i, qos := range []string{"0", "1", "2"} {
						p.Pub(t, "-V", from, "-q", qos, "-t", topic, "-m", "hello at "+qos)
						s.Messages(i + 1)
					}
					s.Want(t, topic+" 0 0 hello at 0", topic+" 1 0 hello at 1", topic+" 2 0 hello at 2")
					if code := s.Wait(); code != 0 {
						t.Errorf("exit code %d, want 0", code)
					}
				})
			}
		}
	})
}

func TestGrantedQoSIsTheCeilingOfADelivery(t *testing.T) {
	eachPair(t, func(t *testing.T, p pair) {
		topic := topic(t)
		for granted := range 3 {
			s := p.Sub(t, "-q", strconv.Itoa(granted), "-t", topic, "-F", "%q %p", "-C", "3")
			for qos := range 3 {
				p.Pub(t, "-q", strconv.Itoa(qos), "-t", topic, "-m", fmt.Sprint("published at ", qos))
				s.Messages(qos + 1)
			}
			var want []string
			for qos := range 3 {
				want = append(want, fmt.Sprintf("%d published at %d", min(granted, qos), qos))
			}
			s.Want(t, want...)
			s.Wait()
		}
	})
}

// -l publishes each line of stdin; several hundred of them keep their order at every QoS.
func TestLinesOfStdinArriveInOrder(t *testing.T) {
	eachPair(t, func(t *testing.T, p pair) {
		topic := topic(t)
		for _, version := range versions {
			for _, qos := range []string{"0", "1", "2"} {
				var want []string
				for i := range 300 {
					want = append(want, fmt.Sprintf("%s/%s line %d", version, qos, i))
				}
				s := p.Sub(t, "-V", version, "-q", "2", "-t", topic, "-C", "300")
				p.PubInput(t, strings.Join(want, "\n")+"\n", "-V", version, "-q", qos, "-t", topic, "-l")
				s.Want(t, want...)
				s.Wait()
			}
		}
	})
}

func TestFilesAndStdinArriveWhole(t *testing.T) {
	eachPair(t, func(t *testing.T, p pair) {
		topic := topic(t)
		random := make([]byte, 250_000)
		if _, err := rand.Read(random); err != nil {
			t.Fatal(err)
		}
		payload := fmt.Sprintf("%x", random) // 500 kB on one line
		file := filepath.Join(t.TempDir(), "payload")
		if err := os.WriteFile(file, []byte(payload), 0o600); err != nil {
			t.Fatal(err)
		}
		s := p.Sub(t, "-q", "2", "-t", topic, "-F", "%q %l %p", "-C", "4")
		p.PubInput(t, payload, "-q", "1", "-t", topic, "-s")
		for i, qos := range []string{"0", "1", "2"} {
			s.Messages(i + 1)
			p.Pub(t, "-q", qos, "-t", topic, "-f", file)
		}
		for i, got := range s.Messages(4) {
			if want := fmt.Sprintf("%d 500000 %s", []int{1, 0, 1, 2}[i], payload); got != want {
				t.Errorf("message %d is not what was sent: %d bytes that begin with %.60q, want %d", i, len(got), got, len(want))
			}
		}
	})
}

func TestEmptyAndRepeatedMessagesArrive(t *testing.T) {
	eachPair(t, func(t *testing.T, p pair) {
		topic := topic(t)
		s := p.Sub(t, "-q", "1", "-t", topic, "-F", "%l:%p", "-C", "4")
		p.Pub(t, "-q", "1", "-t", topic, "-n")
		p.Pub(t, "-q", "1", "-t", topic, "-m", "again", "--repeat", "3")
		s.Want(t, "0:", "5:again", "5:again", "5:again")
	})
}
