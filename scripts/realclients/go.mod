// Tests with clients other than our own. A module of its own, so that the product does not depend on them.
module github.com/penstock-mqtt/penstock/scripts/realclients

go 1.26.0

require (
	github.com/eclipse/paho.golang v0.23.0 // indirect
	github.com/eclipse/paho.mqtt.golang v1.5.1 // indirect
	github.com/gorilla/websocket v1.5.3 // indirect
	golang.org/x/net v0.44.0 // indirect
	golang.org/x/sync v0.17.0 // indirect
)
