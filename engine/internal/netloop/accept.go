package netloop

import (
	"encoding/binary"
	"net/netip"
	"os"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// accept takes a connection without making garbage. The local address is not known yet.
func accept(ln int) (fd int, peer addrs, err unix.Errno) {
	var sa unix.RawSockaddrAny
	size := uint32(unix.SizeofSockaddrAny)
	n, _, err := unix.Syscall6(unix.SYS_ACCEPT4, uintptr(ln), uintptr(unsafe.Pointer(&sa)), uintptr(unsafe.Pointer(&size)),
		unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	if err != 0 {
		return -1, addrs{}, err
	}
	return int(n), addrs{remote: addrPort(&sa)}, 0
}

// sockname is the local address of a socket.
func sockname(fd int) netip.AddrPort {
	var sa unix.RawSockaddrAny
	size := uint32(unix.SizeofSockaddrAny)
	if _, _, err := unix.RawSyscall(unix.SYS_GETSOCKNAME, uintptr(fd), uintptr(unsafe.Pointer(&sa)), uintptr(unsafe.Pointer(&size))); err != 0 {
		return netip.AddrPort{}
	}
	return addrPort(&sa)
}

// peername is the peer's address.
func peername(fd int) (netip.AddrPort, error) {
	var sa unix.RawSockaddrAny
	size := uint32(unix.SizeofSockaddrAny)
	if _, _, err := unix.RawSyscall(unix.SYS_GETPEERNAME, uintptr(fd), uintptr(unsafe.Pointer(&sa)), uintptr(unsafe.Pointer(&size))); err != 0 {
		return netip.AddrPort{}, os.NewSyscallError("getpeername", err)
	}
	return addrPort(&sa), nil
}

// addrPort reads the kernel's form of an address. That of a unix socket is the zero value.
func addrPort(sa *unix.RawSockaddrAny) netip.AddrPort {
	switch sa.Addr.Family {
	case unix.AF_INET:
		p := (*unix.RawSockaddrInet4)(unsafe.Pointer(sa))
		return netip.AddrPortFrom(netip.AddrFrom4(p.Addr), bigEndian(p.Port))
	case unix.AF_INET6:
		p := (*unix.RawSockaddrInet6)(unsafe.Pointer(sa))
		ip := netip.AddrFrom16(p.Addr).Unmap()
		if p.Scope_id != 0 {
			ip = ip.WithZone(strconv.FormatUint(uint64(p.Scope_id), 10))
		}
		return netip.AddrPortFrom(ip, bigEndian(p.Port))
	}
	return netip.AddrPort{}
}

func bigEndian(port uint16) uint16 {
	return binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&port))[:])
}

// dup makes a descriptor of ours of what package net has.
func dup(c syscall.Conn) (fd int, err error) {
	rc, err := c.SyscallConn()
	if err != nil {
		return -1, err
	}
	e := rc.Control(func(old uintptr) {
		fd, err = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0)
	})
	if e != nil {
		return -1, e
	}
	return fd, os.NewSyscallError("fcntl", err)
}
