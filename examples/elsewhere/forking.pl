#!/usr/bin/env perl
# A POE server of plain Perl: text over HTTP/1.0, absolute links, a process for each request.
#
# Each link is a file, made by an empty POST to /links. Whoever holds its lock is let through; who
# comes meanwhile is told 409. The file's content is order and record in one, so that a process that
# dies leaves the link unspent: the system takes its lock away. Run it with a port and a folder.
use strict;
use warnings;
use Errno qw(EINTR);
use Fcntl qw(:flock);
use IO::Handle;
use IO::Socket::INET;

my ($port, $folder) = @ARGV;
my ($LIFE_S, $MOST_BYTES, $origin) = (3_600, 100_000, "http://127.0.0.1:$port");
my %ALLOW = (unspent => 'POST, OPTIONS', spent => 'GET, HEAD, OPTIONS', expired => 'OPTIONS',
    running => 'OPTIONS');
my %WORDS = (
    unspent => [405, 'Nothing has been sent here yet.'],
    spent   => [405, 'This was already sent, and was carried out once.'],
    running => [409, 'Still being carried out. Ask again shortly.'],
    expired => [410, 'This address has expired, and nothing was done.'],
    unknown => [404, 'No such address.'],
);

# The state of a link, by its file; with $claim the lock is kept, so that nobody else is let through.
sub look {
    my ($name, $claim) = @_;
    return ('unknown') unless $name =~ /\A[0-9a-f]{32}\z/ && open my $file, '+<', "$folder/$name";
    binmode $file;
    my $free = flock $file, $claim ? LOCK_EX | LOCK_NB : LOCK_SH | LOCK_NB;
    my $item = do { local $/; readline $file } // '';
    return ('spent', $item) if $item =~ s/\n\z//;
    return ('running') unless $free;
    return ((stat $file)[9] + $LIFE_S < time ? 'expired' : 'unspent', $file);
}

sub refusal {
    my ($state, $name) = @_;
    my ($status, $words) = @{ $WORDS{$state} };
    my %fields = $ALLOW{$state} ? (Allow => $ALLOW{$state}) : ();
    $fields{'Retry-After'} = 1 if $state eq 'running';
    return ($status, $words, %fields, $state eq 'spent' ? to_result($name) : ());
}

sub to_result {
    my ($name) = @_;
    my $relation = 'related urn:post-once-exactly:rel:result';
    return (Link => "<$origin/orders/$name>; rel=\"$relation\"; anchor=\"$origin/once/$name\"");
}

sub post {
    my ($name, $fields, $content) = @_;
    my ($state, $file) = look($name, 1);
    return refusal($state, $name) if $state ne 'unspent';
    my @still = (Allow => $ALLOW{unspent});
    return (400, 'The form did not arrive whole.', @still) if length $content < $fields->{'content-length'};
    my $is_form = ($fields->{'content-type'} // '') =~ m{\Aapplication/x-www-form-urlencoded\b};
    my %form = map { tr/+/ /; s/%([0-9a-f]{2})/chr hex $1/gier } map { (split(/=/, $_, 2), '')[0, 1] }
        split /&/, $is_form ? $content : '';
    my $item = $form{item} // '';
    return (422, 'Say which item, in a form.', @still) if $item eq '' || $item =~ /\n/;
    select undef, undef, undef, $form{takes_s} > 2 ? 2 : $form{takes_s} if $form{takes_s};
    return (402, 'Your card was declined, and nothing was done.', @still) if $form{declined};
    seek $file, 0, 0;    # a torn line of a process that died is written over
    print {$file} "$item\n";
    $file->flush && $file->sync or die "the order cannot be kept: $!";
    return (201, $item, Location => "$origin/orders/$name", Allow => $ALLOW{spent}, to_result($name));
}

sub answer {
    my ($method, $path, $fields, $content) = @_;
    if ($path eq '/links' && $method eq 'POST') {
        open my $random, '<:raw', '/dev/urandom' or die $!;
        sysread $random, my $bytes, 16;
        my $name = unpack 'H*', $bytes;
        open my $made, '>', "$folder/$name" or die $!;
        my $link = "$origin/once/$name";
        return (201, $link, Location => $link, 'POE-Links' => "\"$link\"", 'Cache-Control' => 'private, no-cache');
    }
    my $count = $path eq '/count' ? grep { -s } glob "$folder/*" : 0;
    return (200, "{\"orders\": $count}", 'Content-Type' => 'application/json') if $path eq '/count';
    if ($path =~ m{\A/orders/([0-9a-f]{32})\z}) {
        my ($state, $item) = look($1);
        return $state eq 'spent' ? (200, $item) : (404, 'No such order.');
    }
    my ($name) = $path =~ m{\A/once/(.*)\z};
    return post($name // '', $fields, $content) if $method eq 'POST';
    my ($state, $item) = look($name // '');
    return (200, $item, Allow => $ALLOW{spent}, to_result($name)) if $state eq 'spent' && $method =~ /\A(?:GET|HEAD)\z/;
    return (204, '', Allow => $ALLOW{$state}) if $method eq 'OPTIONS' && $ALLOW{$state};
    my ($status, @more) = refusal($state, $name);
    return ($method =~ /\A(?:GET|HEAD)\z/ || $state eq 'unknown' ? $status : 405, @more);
}

sub serve {
    my ($socket) = @_;
    my ($head, $size) = ('', 0);
    while (defined(my $line = readline $socket)) {
        last if $line =~ /\A\r?\n\z/;
        ($head, $size) = ("$head$line", $size + length $line);
        return if $size > $MOST_BYTES;
    }
    return unless $head =~ m{\A([A-Z]+) (?:http://[^/ ]+)?([^? ]+)\S* HTTP/1\.};
    my ($method, $path) = ($1, $2 =~ s/%([0-9a-f]{2})/chr hex $1/gier);
    my %fields = ('content-length' => 0, map { lc($_->[0]) => $_->[1] } map { [/\A([^:]+):\s*(.*?)\s*\z/] } grep { /:/ } split /\n/, $head =~ s/\A.*\n//r);
    my ($status, $words, %more) = (413, 'Send less, and say how much.');
    if (!$fields{'transfer-encoding'} && $fields{'content-length'} =~ /\A\d{1,5}\z/) {
        read $socket, my $content, $fields{'content-length'};
        ($status, $words, %more) = answer($method, $path, \%fields, $content // '');
    }
    my %given = ('Content-Type' => 'text/plain; charset=utf-8', 'Cache-Control' => 'no-store',
        'Referrer-Policy' => 'no-referrer', %more);
    $given{'Content-Length'} = length $words if $status != 204;
    print {$socket} "HTTP/1.0 $status Answer\r\n", (map { "$_: $given{$_}\r\n" } sort keys %given), "\r\n",
        $method eq 'HEAD' || $status == 204 ? '' : $words;
}

$SIG{CHLD} = 'IGNORE';
my ($server, $tries) = (undef, 0);
until ($server = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 128, ReuseAddr => 1)) {
    die $@ if ++$tries > 100;    # a child of the one before may not have let go of the port yet
    select undef, undef, undef, 0.1;
}
while (1) {
    my $socket = $server->accept or next;
    my $child = fork // die $!;
    next if $child;
    close $server;    # or it would keep the port after the end of the first process
    alarm 20;
    serve($socket);
    exit 0;
}
