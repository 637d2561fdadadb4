package crash

import (
	"fmt"
	"math/rand/v2"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

func (f *Fleet) device(id string) device {
	n := uint64(0)
	for _, c := range []byte(id) {
		n = n*131 + uint64(c)
	}
	rng := rand.New(rand.NewPCG(f.plan.Seed, n))
	return device{f: f, id: id, rng: rng, v: pick(rng, []mqtt.Version{mqtt.V31, mqtt.V311, mqtt.V311, mqtt.V5, mqtt.V5})}
}

// man makes the clients.
func (f *Fleet) man() {
	for i := range f.plan.Publishers {
		p := &publisher{device: f.device(fmt.Sprint("pub", i)), frugal: i%2 == 1}
		if f.plan.Hoarders > 0 { // both kinds of refusal
			p.v = []mqtt.Version{mqtt.V311, mqtt.V5}[i%2]
		}
		p.source = f.Ledger.publisher(p.id)
		f.pubs = append(f.pubs, p)
	}
	if f.plan.Hoarders > 0 {
		f.sub("listener", want{"d/#", 2})
		for i := range f.plan.Hoarders {
			f.sub(fmt.Sprint("hoarder", i), want{"d/#", 2}).hoards = true
		}
		return
	}
	f.manAllSorts()
}

func (f *Fleet) sub(name string, wants ...want) *subscriber {
	s := &subscriber{device: f.device(name), wants: wants}
	f.subs = append(f.subs, s)
	return s
}

// manAllSorts makes subscribers of every kind, and those who do something else.
func (f *Fleet) manAllSorts() {
	f.sub("all", want{"d/#", 2})
	f.sub("all1", want{"d/#", 1})
	f.sub("overlap", want{"d/#", 1}, want{"d/+/2/#", 2}, want{"d/+/+/a", 2})
	for i := range 2 {
		f.sub(fmt.Sprint("one", i), want{fmt.Sprintf("d/%d/#", i), 2})
	}
	for _, g := range []want{{"$share/g/d/#", 2}, {"$share/h/d/+/1/#", 1}} {
		members := newGroup(g.filter)
		for i := range 3 {
			f.sub(fmt.Sprint("member-", g.filter[7:8], i), g).group = members
		}
	}
	for i := range 2 {
		f.sub(fmt.Sprint("fickle", i), want{"d/0/#", 2}).fickle = []want{{"d/1/+/a", 2}, {"d/2/#", 1}, {"d/+/+/b", 2}, {"d/+/1/#", 1}}
		s := f.sub(fmt.Sprint("reborn", i), want{fmt.Sprintf("d/%d/#", i), 2})
		s.reborn, s.v = true, mqtt.V5
	}
	f.sub("heir", want{"w/#", 2})
	f.wills = newWills(f)
	f.others = append(f.others, f.wills.run)
	for i := range 2 {
		f.others = append(f.others, (&reader{f.device(fmt.Sprint("reader", i))}).run, (&mayfly{device: f.device(fmt.Sprint("mayfly", i))}).run)
	}
}
