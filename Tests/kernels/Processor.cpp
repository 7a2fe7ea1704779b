// What the processor is taken for, and that a kernel which it lacks ends the process and names itself.
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "Check.hpp"
#if defined(__aarch64__)
#include "../../Sources/CKernels/Float32/Winograd.hpp"
#endif

namespace check {

namespace {

/// How a process of its own ended.
struct End {
  bool wasTrap;
  std::string message;
};

End endOf(void (*call)(float *memory)) {
  fflush(stdout);
  int ends[2];
  if (pipe(ends) != 0) return {false, "no pipe"};
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    const rlimit none{0, 0};  // A trap is expected: no core is to be kept of it.
    setrlimit(RLIMIT_CORE, &none);
#if defined(__x86_64__)
    ck_limit_processor(ck_avx512);
#else
    ck_limit_processor(ck_any_processor);
#endif
    static float memory[1 << 14];
    call(memory);
    _exit(0);
  }
  close(ends[1]);
  End end{false, ""};
  char part[512];
  for (ssize_t count; (count = read(ends[0], part, sizeof part)) > 0;) end.message.append(part, (size_t)count);
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  end.wasTrap = WIFSIGNALED(status) && (WTERMSIG(status) == SIGTRAP || WTERMSIG(status) == SIGILL);
  return end;
}

void doNothing(float *) {}

struct Kernel {
  const char *name;
  void (*call)(float *m);
  const char *needed = "bfloat16 (AVX-512 or NEON)";
};

const ck_convolution none{};

const Kernel lacking[] = {
  {"ck_pack_weights", [](float *m) { ck_pack_weights(none, false, m, ck_order_of_onednn, m); }},
  {"ck_small_convolution", [](float *m) { ck_small_convolution(none, false, m, m, m); }},
  {"ck_small_weight_gradient", [](float *m) { ck_small_weight_gradient(none, m, m, m, m); }},
  {"ck_pack_winograd", [](float *m) { ck_pack_winograd(none, false, m, m); }},
  {"ck_winograd", [](float *m) { ck_winograd(none, false, m, m, m, m); }},
  {"ck_winograd_channels_last", [](float *m) { ck_winograd_channels_last(none, m, m, ck_epilogue{}, m, m); }},
  {"ck_winograd_gradient", [](float *m) { ck_winograd_gradient(none, m, m, m, m); }},
  {"ck_pointwise_gradient", [](float *m) { ck_pointwise_gradient(none, m, m, m, m); }},
  {"ck_pack_few_channels", [](float *m) { ck_pack_few_channels(none, m, m); }},
  {"ck_few_channels", [](float *m) { ck_few_channels(none, m, m, true, ck_epilogue{}, m, m); }},
  {"ck_few_channels_gradient", [](float *m) { ck_few_channels_gradient(none, m, m, m, m); }},
  {"ck_winograd_bytes", [](float *) { ck_winograd_bytes(none, 1); }},
  {"ck_winograd_gradient_bytes", [](float *) { ck_winograd_gradient_bytes(none, 1); }},
  {"ck_pointwise_gradient_bytes", [](float *) { ck_pointwise_gradient_bytes(none, 1); }},
  {"ck_few_channels_filter_bytes", [](float *) { ck_few_channels_filter_bytes(none); }},
  {"ck_few_channels_bytes", [](float *) { ck_few_channels_bytes(none, 1); }},
  {"ck_few_channels_gradient_bytes", [](float *) { ck_few_channels_gradient_bytes(none, 1); }},
  {"ck_pack_amx", [](float *m) { ck_pack_amx(none, false, m, m); }, "AMX"},
  {"ck_amx_convolution", [](float *m) { ck_amx_convolution(none, false, m, m, m, m); }, "AMX"},
  {"ck_amx_weight_gradient", [](float *m) { ck_amx_weight_gradient(none, m, m, m, m); }, "AMX"},
  {"ck_amx_bytes", [](float *) { ck_amx_bytes(none, 1); }, "AMX"},
  {"ck_amx_weight_gradient_bytes", [](float *) { ck_amx_weight_gradient_bytes(none, 1); }, "AMX"},
};

const ck_convolution strided{1, 16, 16, 8, 8, 4, 4, 3, 2, 1}, narrow{1, 16, 24, 8, 8, 8, 8, 3, 1, 1},
  fitting{1, 32, 32, 8, 8, 8, 8, 3, 1, 1};

const Kernel misused[] = {
  {"ck_pack_winograd_float32", [](float *m) { ck_pack_winograd_float32(strided, 2, false, m, m); }},
  {"ck_winograd_float32", [](float *m) { ck_winograd_float32(strided, 2, false, true, m, m, ck_epilogue{}, m, m); }},
  {"ck_winograd_gradient_float32", [](float *m) { ck_winograd_gradient_float32(narrow, 4, true, m, m, m, m); }},
};

/// In a self-test the child calls nothing, which has to be noticed.
void compareEnds(Report &report, const char *subject, const Kernel &kernel, const std::string &sentence) {
  const End end = endOf(report.isSelfTest ? doNothing : kernel.call);
  const std::string expected = kernel.name + sentence;
  report.expect(
    subject, "told instead: " + end.message,
    end.wasTrap && end.message.find(expected) != std::string::npos);
}

void compareFamily(Report &report, [[maybe_unused]] bool withBFloat16) {
  const char *subject = "the processor's family";
  const bool hasWinograd = ck_has_winograd(fitting, ck_float32);
  report.expect(subject, "kernels of float32", hasWinograd);
  report.expect(subject, "none of them with stride 2", !ck_has_winograd(strided, ck_float32));
  report.expect(subject, "none of them for 24 channels", !ck_has_winograd(narrow, ck_float32));
  report.expect(subject, "a tile of 2", ck_winograd_tile(fitting, ck_float32) == 2);
  // The choice in bfloat16 is a function of its arguments, on every processor the same.
  const struct {
    ck_convolution_result result;
    ck_convolution c;
    ck_kernel expected;
    const char *what;
    bool has_amx = false;
  } choices[] = {
    {ck_result_y, fitting, ck_kernel_winograd, "3×3"},
    {ck_result_y_with_bias, {1, 3, 32, 8, 8, 8, 8, 5, 1, 2}, ck_kernel_few_channels, "5×5 of three channels"},
    {ck_result_y, {1, 3, 32, 8, 8, 8, 8, 5, 1, 2}, ck_kernel_few_channels, "5×5 of three channels"},
    {ck_result_y, {1, 3, 32, 16, 16, 16, 16, 3, 1, 1}, ck_kernel_none, "3×3 of three channels"},
    {ck_result_dx, {1, 512, 512, 2, 2, 2, 2, 3, 1, 1}, ck_kernel_small_maps, "four pixels"},
    {ck_result_y_with_bias, {1, 512, 512, 2, 2, 2, 2, 3, 1, 1}, ck_kernel_none, "four pixels with bias"},
    {ck_result_dw, {1, 64, 256, 9, 9, 9, 9, 1, 1, 0}, ck_kernel_pointwise, "1×1 on more than 64 pixels"},
    {ck_result_dw, {1, 64, 256, 8, 8, 8, 8, 1, 1, 0}, ck_kernel_small_maps, "1×1 on 64 pixels"},
    {ck_result_dw, {1, 256, 288, 16, 16, 16, 16, 3, 1, 1}, ck_kernel_small_maps, "sums of more than 2²⁰"},
    {ck_result_dw, {1, 256, 256, 16, 16, 16, 16, 3, 1, 1}, ck_kernel_winograd, "sums of 2²⁰"},
    {ck_result_dw, {1, 64, 64, 60, 60, 30, 30, 3, 2, 1}, ck_kernel_none, "stride 2 on more than 784 pixels"},
    {ck_result_y, fitting, ck_kernel_amx, "3×3 with AMX", true},
    {ck_result_dw, {17, 64, 64, 60, 60, 30, 30, 3, 2, 1}, ck_kernel_amx, "stride 2 with AMX", true},
    {ck_result_dw, {16, 64, 64, 60, 60, 30, 30, 3, 2, 1}, ck_kernel_none, "16 pictures with AMX", true},
    {ck_result_y, {1, 3, 32, 16, 16, 16, 16, 3, 1, 1}, ck_kernel_none, "3×3 of three channels with AMX", true},
    {ck_result_dw, {1, 3, 32, 8, 8, 8, 8, 5, 1, 2}, ck_kernel_few_channels, "5×5 of three channels with AMX", true},
    {ck_result_y_with_bias, fitting, ck_kernel_none, "3×3 with bias and AMX", true},
  };
  for (const auto &choice : choices)
    report.expect(
      "ck_bfloat16_kernel", choice.what,
      ck_bfloat16_kernel(choice.c, choice.result, choice.has_amx) == choice.expected);
  // Plain products, which every processor tells.
  report.expect(subject, "bytes of packed weights", ck_packed_weights_bytes(fitting) == 2 * 9 * 32 * 32);
  report.expect(subject, "bytes of transformed filters", ck_winograd_filter_bytes(fitting) == 2 * 16 * 32 * 32);
  report.expect(subject, "bytes for a gradient of weights", ck_small_weight_gradient_bytes(fitting) > 0);
#if defined(__aarch64__)
  const ck_processor family = withBFloat16 ? ck_neon_bf16 : ck_any_processor;
  report.expect(subject, "no family of x86-64", ck_processor_family() == family);
  report.expect(subject, "no AVX-512, so no blocked layout", !ck_has_avx512());
  report.expect(
    subject, withBFloat16 ? "bfloat16" : "no bfloat16",
    ck_has_bfloat16() == withBFloat16 && ck_has_winograd(fitting, ck_bfloat16) == withBFloat16);
  for (const ck::FilteringTasks *tasks : {&ck::float32ForNEON.of2, &ck::float32ForNEON.of4})
    report.expect(subject, "four lanes", tasks->lanes == 4);
#endif
}

}  // namespace

void compareProcessor(Report &report, bool withBFloat16) {
#if defined(__aarch64__)
  const std::string family = "an arm64 (NEON)";
#else
  const std::string family = "";
#endif
  if (!report.isSelfTest) compareFamily(report, withBFloat16);
  for (const Kernel &kernel : lacking)
    compareEnds(
      report, "what the processor lacks", kernel, std::string(" needs a processor with ") + kernel.needed + "; this one is " + family);
  for (const Kernel &kernel : misused)
    compareEnds(report, "what no kernel computes", kernel, " computes no convolution of size 3");
}

}  // namespace check
