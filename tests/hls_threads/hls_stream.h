// hls::stream as hardware has it: of a limited depth, between processes that run at once. For tests alone.
//
// Streams with a name hold 2 beats until set_depth says more; those of a testbench have no name and no limit. Who waits
// for a minute stands still for ever, and ends the program.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace hls {

template <class T>
class stream {
 public:
  explicit stream(const char* name = nullptr) : name_(name), depth_(name ? 2 : 1u << 30) {}
  ~stream() {
    if (!held_.empty()) fail("is not empty at its end");
  }
  void set_depth(std::size_t depth) { depth_ = depth; }
  bool empty() {
    std::lock_guard<std::mutex> lock(mutex_);
    return held_.empty();
  }
  void write(const T& beat) {
    std::unique_lock<std::mutex> lock(mutex_);
    wait(lock, [this] { return held_.size() < depth_; });
    held_.push_back(beat);
    moved_.notify_all();
  }
  T read() {
    std::unique_lock<std::mutex> lock(mutex_);
    wait(lock, [this] { return !held_.empty(); });
    const T beat = held_.front();
    held_.pop_front();
    moved_.notify_all();
    return beat;
  }

 private:
  template <class Ready>
  void wait(std::unique_lock<std::mutex>& lock, Ready ready) {
    if (!moved_.wait_for(lock, std::chrono::seconds(60), ready)) fail("stands still");
  }
  void fail(const char* what) const {
    std::fprintf(stdout, "HWQ_ERROR stream %s %s\n", name_ ? name_ : "of a port", what);
    std::fflush(stdout);
    std::_Exit(9);
  }

  const char* name_;
  std::size_t depth_;
  std::deque<T> held_;
  std::mutex mutex_;
  std::condition_variable moved_;
};

}  // namespace hls

class Processes {
 public:
  template <class Call>
  void run(Call call) {
    threads_.emplace_back(call);
  }
  void join() {
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  std::vector<std::thread> threads_;
};
