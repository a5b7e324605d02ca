#!/usr/bin/perl
# A POE server in Perl, one connection after the other, HTTP/1.0, text and forms.
# Written from draft-nottingham-http-poe-00. It says its port.
use strict;
use warnings;
use IO::Socket::INET;

$| = 1;
$SIG{PIPE} = 'IGNORE';
my $server = IO::Socket::INET->new(Listen => 64, LocalAddr => '127.0.0.1', LocalPort => 0, ReuseAddr => 1) or die;
print $server->sockport, "\n";
open(my $random, '<', '/dev/urandom') or die;
my %links;
my @orders;

sub token {
  read($random, my $bytes, 16);
  return unpack('H*', $bytes);
}

sub answer {
  my ($method, $path, $type, $body) = @_;
  if ($path eq '/count') { return (200, scalar(@orders)) }
  if ($path eq '/order') {
    my $link = '/order/' . token();
    $links{$link} = 0;
    return (200, "POST what you want, once, to $link\n", "POE-Links: \"$link\"");
  }
  if (!exists $links{$path}) { return (404, "Nothing is here.\n") }
  my $number = $links{$path};
  if ($method eq 'POST') {
    if ($number) { return (405, "You have ordered that.\n", 'Allow: GET, HEAD') }
    if ($type ne 'application/x-www-form-urlencoded') { return (415, "Send a form.\n") }
    if (!defined $body || $body !~ /(?:^|&)what=([^&]+)/) { return (400, "What?\n") }
    push @orders, $1;
    $links{$path} = scalar(@orders);
    return (200, "Order " . scalar(@orders) . ": $1\n");
  }
  if ($method ne 'GET' && $method ne 'HEAD') { return (405, "No.\n", 'Allow: ' . ($number ? 'GET, HEAD' : 'POST')) }
  if (!$number) { return (405, "POST here.\n", 'Allow: POST') }
  return (200, "Order $number: $orders[$number - 1]\n");
}

while (my $client = $server->accept) {
  $client->timeout(5);
  my ($head, $body) = ('', undef);
  while (my $line = <$client>) {
    last if $line =~ /^\r?\n$/;
    $head .= $line;
  }
  my ($method, $path) = $head =~ m{^(\w+) (\S+) HTTP};
  my ($length) = $head =~ /^Content-Length: *(\d+)/mi;
  my ($type) = $head =~ /^Content-Type: *([^;\s]+)/mi;
  if (defined $length && $length < 10000) {
    my $got = read($client, $body, $length);
    $body = undef if !defined $got || $got < $length;
  }
  if (defined $path) {
    my ($status, $text, @fields) = answer($method, $path, lc($type // ''), $body);
    my $kind = $path eq '/count' ? 'application/json' : 'text/plain';
    my @lines = ("HTTP/1.0 $status X", "Content-Type: $kind", 'Content-Length: ' . length($text), 'Cache-Control: no-store', @fields);
    print $client join("\r\n", @lines), "\r\n\r\n", $method eq 'HEAD' ? '' : $text;
  }
  shutdown($client, 1);
  close $client;
}
