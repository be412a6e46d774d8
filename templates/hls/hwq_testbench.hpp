// Reads golden vectors, one beat a line in hexadecimal, drives them into a network and compares what leaves it.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include "hwq_frame.hpp"

namespace hwq {

// The beats of one port, sample after sample.
template <int W>
class Vectors {
 public:
  Vectors(const std::string& folder, const std::string& name, int beats)
      : name_(name), beats_(beats), file_(folder + "/" + name + ".mem") {
    if (!file_) {
      std::fprintf(stderr, "HWQ_ERROR %s/%s.mem cannot be read\n", folder.c_str(), name.c_str());
      std::exit(2);
    }
  }

  // The next frame into `port`; false at the end of the file.
  bool drive(Channel<Axis<W>>& port) {
    for (int beat = 0; beat < beats_; ++beat) {
      if (!next()) return false;
      Axis<W> word;
      word.data = 0;
      for (int place = 0; place < W; ++place) set_bit(word.data, place, bit(place));
      word.keep = -1;
      word.strb = -1;
      word.last = UInt<1>(beat == beats_ - 1);
      port.write(word);
    }
    return true;
  }

  // Whether `port` has the next frame and nothing else; says where it first has not.
  bool check(Channel<Axis<W>>& port, int frame) {
    bool same = true;
    for (int beat = 0; beat < beats_; ++beat) {
      if (!next()) return false;
      const Axis<W> word = port.read();
      if (!same) continue;
      for (int place = 0; place < W && same; ++place) same = word.data[place] == bit(place);
      if (!same) {
        std::printf("HWQ_MISMATCH %s beat=%lld got=%s want=%s\n", name_.c_str(), 1LL * frame * beats_ + beat,
                    digits(word).c_str(), line_.c_str());
      } else if ((word.last == UInt<1>(1)) != (beat == beats_ - 1)) {
        std::printf("HWQ_ERROR %s beat=%lld tlast is wrong\n", name_.c_str(), 1LL * frame * beats_ + beat);
        same = false;
      }
    }
    return same;
  }

 private:
  bool next() { return static_cast<bool>(file_ >> line_); }
  bool bit(int place) const {
    const std::size_t digit = static_cast<std::size_t>(place) / 4;
    if (digit >= line_.size()) return false;
    const char c = line_[line_.size() - 1 - digit];
    return (((c <= '9' ? c - '0' : c - 'a' + 10) >> (place % 4)) & 1) != 0;
  }
  std::string digits(const Axis<W>& word) const {
    std::string text(line_.size(), '0');
    for (std::size_t digit = 0; digit < text.size(); ++digit) {
      int value = 0;
      for (int k = 3; k >= 0; --k) {
        const int place = static_cast<int>(4 * digit) + k;
        value = 2 * value + (place < W && word.data[place] ? 1 : 0);
      }
      text[text.size() - 1 - digit] = "0123456789abcdef"[value];
    }
    return text;
  }

  std::string name_, line_;
  int beats_;
  std::ifstream file_;
};

}  // namespace hwq
