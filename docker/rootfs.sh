#!/bin/sh
# Makes the root file system of an image that runs one program: docker/rootfs.sh PROGRAM DIR
# Libraries come with their packages' copyright files and, under /var/lib/dpkg/status.d, their packages' names and versions: scanners
# look for them there. Every file has the same date, so that the same contents make the same layer.
set -eu
program=$1 root=$2

mkdir -p "$root/usr/bin" "$root/usr/lib" "$root/usr/lib64" "$root/etc/ssl/certs" "$root/var/lib/dpkg/status.d"
ln -s usr/lib "$root/lib"
ln -s usr/lib64 "$root/lib64"
install -s "$program" "$root/usr/bin/"

# "libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x...)"; the loader itself has no arrow.
libraries=$(ldd "$program" | sed -n 's/.*=> //; s/^[[:space:]]*//; s/ (0x.*//; /^\//p')
for library in $libraries; do
  mkdir -p "$root$(dirname "$library")"
  cp -L "$library" "$root$library"
done
for library in $libraries; do realpath "$library"; done | xargs dpkg -S | cut -d : -f 1 | sort -u | while read -r package; do
  dpkg-query -s "$package" >"$root/var/lib/dpkg/status.d/$package"
  mkdir -p "$root/usr/share/doc/$package"
  cp -L "/usr/share/doc/$package/copyright" "$root/usr/share/doc/$package/"
done

cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
echo 'sluice:x:10001:10001::/:/none' >"$root/etc/passwd"
echo 'sluice:x:10001:' >"$root/etc/group"
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
find "$root" -exec touch --no-dereference --date="@${SOURCE_DATE_EPOCH:-0}" {} +
