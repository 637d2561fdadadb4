// Package transcript plays text scenarios against a broker in this process and compares what comes back, packet by
// packet. A file of testdata is a list of blocks: commands, a line of four dashes, what the clients received.
//
//	a: connect expiry=60
//	a: subscribe t,q1
//	b@1: connect | publish t "x"
//	----
//	a< CONNACK
//	a< SUBACK 1: 1
//	a< PUBLISH t "x"
//	b< CONNACK
//
// A command begins with a client's name or is about the broker itself. Each command is carried through to its end before
// the next one: every loop has done what others told it, every client has read what it was sent. That is awaited with
// barriers (a call on each loop, PINGREQ and PINGRESP on each connection), never with time. The broker's clock stands
// still except for `advance`.
//
// Clients are raw sockets. `name@1:` opens the connection on event loop 1, otherwise on loop 0; the client identifier is
// the name unless id= says otherwise. Packets that are joined by " | " leave in one write.
//
//	connect [v31|v311|v5] id= clean=1 expiry= keepalive= recvmax= maxpacket= aliasmax= problem= response= method= data=
//	        user= pass= will=TOPIC message= willqos= willretain willdelay= willexpiry= [nowait] [auto] [listener=1]
//	publish TOPIC PAYLOAD qos= id= dup retain expiry= alias= format= type= response= correlation= user=NAME:VALUE size=
//	        count=   (payload and identifier are counted up; %d stands for the number)
//	subscribe FILTER[,q1][,nl][,rap][,rh1]... id= subid=         unsubscribe FILTER... id=
//	puback|pubrec|pubrel|pubcomp ID... code=87                     disconnect code=04 expiry=
//	auth code=18 method= data=          pingreq           raw HEX
//	open     a connection without CONNECT              sync   do nothing but what follows each command
//	drop     close the socket without a word          pause, read     stop reading, go on reading
//	connack  wait for the CONNACK of a connect nowait      await   wait until something came in this block
//
// With auto a client answers whatever it is sent; with nowait nothing is awaited. About the broker:
//
//	broker [loops=2] [store=none|memory|delayed] [auth=async|exchange] [pool=16] KEY=VALUE...   a new one, without the past
//	restart          stop it and start another on what its store has          crash     the same without a stop
//	store step [N|all]|run|fail|waiting       steer a delayed store
//	store pressure ok|slow|full   what it says of itself; 2 s pass, in which the loops ask it
//	store hold|load  let Loads wait, let them go
//	advance DURATION let time pass       stats     counters           publish TOPIC PAYLOAD qos= retain   by the embedder
//	kick ID CODE     Disconnect          decide ID allow|deny [CODE]  answer a client that auth=async asks about
//	forbid PREFIX    the authorizer denies topics that begin so        permit PREFIX
//
// Each scenario is also played with its clients spread over the loops, and so with a store: whatever it leaves open must
// not change what they receive. At the end of a broker all clients and sessions are ended, and neither it nor its store
// may hold anything but what is retained.
//
// Beside the scenarios, clients with the session state of the specification see the broker crash at any commit, and in
// random schedules (-chaos.first, -chaos.runs).
//
// `go test ./engine/enginetest/transcript -rewrite` renews what is expected; the difference is for a human to review.
package transcript
