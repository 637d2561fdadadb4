#!/usr/bin/env bash
# Makes the certificates of the tests with openssl's own authority, so that no code of ours signs what ours has to judge.
# pki.sh DIR leaves in DIR, each certificate NAME.crt beside NAME.key:
#
#   ca, index.txt   the authority and its list of what it signed; ca.cnf says how, for openssl ca and openssl ocsp in DIR
#   server, rsa     for localhost, 127.0.0.1 and ::1 (ECDSA), and for rsa.localhost (RSA)
#   device-1, -2    clients, whose common name is their file's
#   crl.pem         the authority's revocation list, which is empty
#   server.ocsp     the response that server is good
#   other, stranger another authority, and a client that it calls device-1
set -euo pipefail

rm -rf "$1"
mkdir -p "$1"
cd "$1"
exec 3>&2 >pki.log 2>&1
trap 'cat pki.log >&3' ERR

cat >ca.cnf <<'END'
[ca]
default_ca = authority
[authority]
dir = .
database = ./index.txt
serial = ./serial
crlnumber = ./crlnumber
new_certs_dir = .
certificate = ./ca.crt
private_key = ./ca.key
default_md = sha256
default_days = 90
default_crl_days = 60
policy = any
unique_subject = no
rand_serial = yes
[any]
commonName = supplied
[req]
distinguished_name = name
[name]
[root]
basicConstraints = critical,CA:true
keyUsage = critical,keyCertSign,cRLSign,digitalSignature
subjectKeyIdentifier = hash
[server]
subjectAltName = DNS:localhost,IP:127.0.0.1,IP:::1
extendedKeyUsage = serverAuth
keyUsage = critical,digitalSignature
[rsa]
subjectAltName = DNS:rsa.localhost
extendedKeyUsage = serverAuth
keyUsage = critical,digitalSignature,keyEncipherment
[client]
extendedKeyUsage = clientAuth
keyUsage = critical,digitalSignature
END
: >index.txt
echo 1000 >crlnumber

ec=(-newkey ec -pkeyopt ec_paramgen_curve:P-256)

# root NAME makes an authority.
root() { openssl req -config ca.cnf -x509 "${ec[@]}" -nodes -keyout "$1.key" -out "$1.crt" -days 90 -subj "/CN=$1 of the tests" -extensions root; }

# sign NAME COMMON-NAME EXTENSIONS KEY… has the authority sign a new key.
sign() {
	openssl req -config ca.cnf "${@:4}" -nodes -keyout "$1.key" -out "$1.csr" -subj "/CN=$2"
	openssl ca -config ca.cnf -batch -notext -extensions "$3" -in "$1.csr" -out "$1.crt"
}

root ca
root other
sign server localhost server "${ec[@]}"
sign rsa rsa.localhost rsa -newkey rsa:2048
sign device-1 device-1 client "${ec[@]}"
sign device-2 device-2 client "${ec[@]}"

openssl req -config ca.cnf "${ec[@]}" -nodes -keyout stranger.key -out stranger.csr -subj /CN=device-1
openssl x509 -req -in stranger.csr -CA other.crt -CAkey other.key -CAcreateserial -days 90 -extfile ca.cnf -extensions client -out stranger.crt

openssl ca -config ca.cnf -gencrl -out crl.pem
openssl ocsp -issuer ca.crt -cert server.crt -no_nonce -reqout server.req
openssl ocsp -index index.txt -CA ca.crt -rsigner ca.crt -rkey ca.key -reqin server.req -respout server.ocsp -ndays 30
