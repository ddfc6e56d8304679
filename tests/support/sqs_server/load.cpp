// Drains a queue of sluice-sqs as fast as it can, signed, and says how fast that was and what it cost the
// server:
//
//   sluice-sqs --listen 127.0.0.1:9324 --queue load --fill load:messages.ndjson:1000000 &
//   sluice-sqs-load 9324 load 4 $!
//
// Ends by itself when the queue is empty. Each connection is a thread with a blocking socket: receive 10,
// delete 10.
#include <fmt/format.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "aws/signer.hpp"

namespace {

using boost::asio::ip::tcp;

class client {
 public:
  client(unsigned short port, const std::string& queue)
      : socket_(io_),
        host_(fmt::format("127.0.0.1:{}", port)),
        url_(fmt::format("http://{}/000000000000/{}", host_, queue)) {
    socket_.connect({boost::asio::ip::address_v4::loopback(), port});
    socket_.set_option(tcp::no_delay(true));
    credentials_.access_key_id = "local";
    credentials_.secret_access_key = sluice::secret("local");
  }

  /// Receives and deletes until there is nothing; returns the number of messages.
  std::size_t drain() {
    std::size_t count = 0;
    std::string body;
    for (;;) {
      body = fmt::format(R"({{"QueueUrl":"{}","MaxNumberOfMessages":10,)"
                         R"("MessageSystemAttributeNames":["SentTimestamp","ApproximateReceiveCount"]}})",
                         url_);
      const std::string_view reply = call("ReceiveMessage", body);
      body = fmt::format(R"({{"QueueUrl":"{}","Entries":[)", url_);
      std::size_t entries = 0;
      constexpr std::string_view mark = R"("ReceiptHandle":")";
      for (auto at = reply.find(mark); at != reply.npos; at = reply.find(mark, at)) {
        at += mark.size();
        const auto handle = reply.substr(at, reply.find('"', at) - at);
        body +=
            fmt::format(R"({}{{"Id":"{}","ReceiptHandle":"{}"}})", entries == 0 ? "" : ",", entries, handle);
        ++entries;
      }
      if (entries == 0) return count;
      body += "]}";
      if (call("DeleteMessageBatch", body).find(R"("Failed")") != std::string_view::npos) std::abort();
      count += entries;
    }
  }

 private:
  std::string_view call(std::string_view operation, const std::string& body) {
    const std::string target = fmt::format("AmazonSQS.{}", operation);
    const sluice::aws::sigv4::header headers[] = {{"content-type", "application/x-amz-json-1.0"},
                                                  {"x-amz-target", target}};
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    const auto s = signer_.sign(credentials_, "POST", host_, "/", headers, body, now);
    const std::string request = fmt::format(
        "POST / HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-amz-json-1.0\r\nX-Amz-Target: {}\r\n"
        "X-Amz-Date: {}\r\nAuthorization: {}\r\nContent-Length: {}\r\n\r\n{}",
        host_, target, s.date, s.authorization, body.size(), body);
    boost::asio::write(socket_, boost::asio::buffer(request));
    std::size_t size = 0, wanted = 0;
    while (wanted == 0 || size < wanted) {
      if (reply_.size() - size < 4096) reply_.resize(2 * reply_.size());
      size += socket_.read_some(boost::asio::buffer(reply_.data() + size, reply_.size() - size));
      const std::string_view text(reply_.data(), size);
      const auto head = text.find("\r\n\r\n");
      if (wanted != 0 || head == text.npos) continue;
      wanted = head + 4 + std::strtoul(text.data() + text.find("Content-Length: ") + 16, nullptr, 10);
    }
    if (!std::string_view(reply_).starts_with("HTTP/1.1 200")) std::abort();
    return {reply_.data(), size};
  }

  boost::asio::io_context io_;
  tcp::socket socket_;
  std::string host_, url_;
  sluice::aws::credentials credentials_;
  sluice::aws::signer signer_{"us-east-1", "sqs"};
  std::string reply_ = std::string(64 * 1024, '\0');
};

/// User and system time of a process, in seconds (proc(5), fields 14 and 15 of stat).
double cpu_seconds(const std::string& pid) {
  std::ifstream file("/proc/" + pid + "/stat");
  std::string field;
  double ticks = 0;
  for (int i = 1; file >> field && i <= 15; ++i) {
    if (i >= 14) ticks += std::stod(field);
  }
  return ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    fmt::print(stderr, "usage: sluice-sqs-load PORT QUEUE CONNECTIONS SERVER_PID\n");
    return 2;
  }
  const auto port = static_cast<unsigned short>(std::stoul(argv[1]));
  const std::string queue = argv[2], pid = argv[4];
  const std::size_t connections = std::stoul(argv[3]);

  std::vector<std::size_t> counts(connections);
  std::vector<std::thread> threads;
  const double cpu_before = cpu_seconds(pid);
  const auto start = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < connections; ++i) {
    threads.emplace_back([&, i] { counts[i] = client(port, queue).drain(); });
  }
  for (auto& t : threads) t.join();
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start;
  const double cpu = cpu_seconds(pid) - cpu_before;

  std::size_t total = 0;
  for (const std::size_t c : counts) total += c;
  const auto messages = static_cast<double>(total);
  fmt::print(
      "{} messages in {:.2f} s: {:.0f}/s; server {:.2f} s CPU, {:.2f} us a message, {:.0f}/s per core\n",
      total, wall.count(), messages / wall.count(), cpu, 1e6 * cpu / messages, messages / cpu);
}
