// Tests with clients other than our own. A module of its own, so that the product does not depend on them.
module github.com/penstock-mqtt/penstock/scripts/realclients

go 1.26.0
