<?php
// A POE server of plain PHP: forms, pages and redirects, one locked file.
//
// One file holds all orders; who holds its lock is let through, and everybody else waits. An order
// is one line, written whole before the lock is given back, so that a crash leaves the link unspent.
// Run it as: PHP_CLI_SERVER_WORKERS=8 SHOP_FOLDER=<folder> php -S 127.0.0.1:<port> forms.php

const LIFE_S = 3_600, HORIZON_S = 86_400;
const STATES = [ // the status of a refusal, what is said, and Allow
    'unspent' => [405, 'Nothing has been sent here yet.', 'POST, OPTIONS'],
    'used' => [405, 'This was already sent, and was carried out once.', 'GET, HEAD, OPTIONS'],
    'expired' => [410, 'This address has expired, and nothing was done.', 'OPTIONS'],
    'forgotten' => [410, 'This cannot be told any more.', 'OPTIONS'],
    'unverifiable' => [404, 'No such address.', null],
];
$folder = getenv('SHOP_FOLDER');
$orders = fopen("$folder/orders", 'c+');
flock($orders, LOCK_EX);
if (!file_exists("$folder/secret")) {
    file_put_contents("$folder/secret", random_bytes(32));
}
define('SECRET', file_get_contents("$folder/secret"));
define('METHOD', $_SERVER['REQUEST_METHOD']);
define('PATH', parse_url('http://shop.example' . $_SERVER['REQUEST_URI'], PHP_URL_PATH) ?: '/');

function lines($file): array
{
    rewind($file);
    $text = stream_get_contents($file);
    return array_slice(explode("\n", $text), 0, substr_count($text, "\n")); // without a torn one
}

function sign(string $name): string
{
    return hash_hmac('sha256', $name, SECRET);
}

/** The name in the link, the state of it, and the number of its order. */
function look(array $lines): array
{
    $is_link = preg_match('#^/once/((\d+)-[0-9a-f]{32})-([0-9a-f]{64})$#D', PATH, $parts);
    [, $name, $over, $tag] = $is_link ? $parts : ['', '', '0', ''];
    if (!hash_equals(sign($name), $tag)) {
        return [null, 'unverifiable', 0];
    }
    foreach ($lines as $at => $line) {
        if (str_starts_with($line, "$name ")) {
            return [$name, 'used', $at + 1];
        }
    }
    $late = time() - (int) $over;
    return [$name, $late < 0 ? 'unspent' : ($late < HORIZON_S ? 'expired' : 'forgotten'), 0];
}

function page(int $status, string $words, array $fields = [], string $more = '')
{
    http_response_code($status);
    header_remove('X-Powered-By');
    $given = ['Cache-Control' => 'no-store', 'Referrer-Policy' => 'no-referrer'];
    foreach ($fields + $given as $name => $value) {
        header("$name: $value");
    }
    if ($status !== 204 && METHOD !== 'HEAD') {
        echo '<!doctype html><html lang="en"><title>Orders</title><main><h1>Orders</h1><p>',
            htmlspecialchars($words), "</p>$more</main></html>";
    }
}

function toResult(int $number): array
{
    $relation = 'related urn:post-once-exactly:rel:result';
    return ['Allow' => STATES['used'][2],
        'Link' => "</orders/$number>; rel=\"$relation\"; anchor=\"{$_SERVER['REQUEST_URI']}\""];
}

function refuse(string $state, int $number)
{
    [$status, $words, $allow] = STATES[$state];
    $fields = $state === 'used' ? toResult($number) : array_filter(['Allow' => $allow]);
    page($status, $words, $fields, $number ? "<p><a href='/orders/$number'>The order</a></p>" : '');
}

function post($file, array $lines)
{
    [$name, $state, $number] = look($lines);
    if ($state !== 'unspent') {
        return refuse($state, $number);
    }
    $still = ['Allow' => STATES['unspent'][2]];
    $length = strlen(file_get_contents('php://input'));
    if ((int) ($_SERVER['CONTENT_LENGTH'] ?? $length) !== $length) {
        return page(400, 'The form did not arrive whole.', $still);
    }
    $item = $_POST['item'] ?? '';
    if (!is_string($item) || $item === '') {
        return page(422, 'Say which item.', $still);
    }
    usleep((int) (min((float) ($_POST['takes_s'] ?? 0), 2) * 1e6));
    if (isset($_POST['declined'])) {
        return page(402, 'Your card was declined, and nothing was done.', $still);
    }
    $kept = strlen(implode('', $lines)) + count($lines);
    ftruncate($file, $kept);
    fseek($file, $kept);
    fwrite($file, "$name " . bin2hex($item) . "\n");
    fsync($file);
    $number = count($lines) + 1;
    page(303, 'Your order is placed.', ['Location' => "/orders/$number"] + toResult($number));
}

$lines = lines($orders);
[, $state, $number] = look($lines);
if (PATH === '/order') {
    $name = (time() + LIFE_S) . '-' . bin2hex(random_bytes(16));
    $link = "/once/$name-" . sign($name);
    $form = "<form method='post' action='$link'><label>Item <input name='item'></label><button type='submit'>Order</button></form>";
    page(200, 'What would you like?', ['POE-Links' => "\"$link\"", 'Cache-Control' => 'private, no-cache'], $form);
} elseif (PATH === '/count') {
    header('Content-Type: application/json');
    echo json_encode(['orders' => count($lines)]);
} elseif (preg_match('#^/orders/(\d+)$#D', PATH, $parts) && isset($lines[$parts[1] - 1])) {
    page(200, 'Order: ' . hex2bin(explode(' ', $lines[$parts[1] - 1])[1]));
} elseif (METHOD === 'POST') {
    post($orders, $lines);
} elseif ($state === 'used' && (METHOD === 'GET' || METHOD === 'HEAD')) {
    page(303, 'Your order is placed.', ['Location' => "/orders/$number"] + toResult($number));
} elseif (METHOD === 'OPTIONS' && STATES[$state][2]) {
    page(204, '', ['Allow' => STATES[$state][2]]);
} elseif (METHOD === 'GET' || METHOD === 'HEAD' || $state === 'unverifiable') {
    refuse($state, $number);
} else {
    page(405, 'Not with this method.', ['Allow' => STATES[$state][2]]);
}
