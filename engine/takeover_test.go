package engine

import "testing"

func TestASessionThatEndsWhileOthersWaitForItLeavesThemItsPlace(t *testing.T) {
	b, addr := twoLoops(t)
	first, second, third := connOn(t, b, addr, 0), connOn(t, b, addr, 1), connOn(t, b, addr, 1)
	say(t, first, hello("c"))
	until(t, "the session", func() bool { return inventory(t, b).Sessions == 1 })
	release := stall(t, b, 0)
	say(t, second, append(hello("c"), goodbye...)) // ends as soon as it has the session
	waitFor(t, b, 1, 1)
	say(t, third, hello("c"))
	waitFor(t, b, 1, 2)
	release()
	until(t, "the third's session", func() bool { return b.Stats().ClientsConnected == 1 && b.Stats().Connects == 3 })
	if got := inventory(t, b); got.Sessions != 1 || got.ClientIDs != 1 || got.Slots != 1 {
		t.Errorf("while the third is connected: got %+v, want one session, client and slot", got)
	}
	say(t, third, goodbye)
	_, _, _ = first.Close(), second.Close(), third.Close()
	until(t, "an empty broker", func() bool { return inventory(t, b).Connections == 0 })
	if got, want := inventory(t, b), (Inventory{}); got != want {
		t.Errorf("after all have gone: got %+v, want %+v", got, want)
	}
}
