import CKernels
import COneDNN
public import TensorGraph

/// A family of processors that kernels are compiled for. Each includes those before it.
public enum ProcessorFamily: String, Sendable, Hashable, CaseIterable {
  /// The least that the program runs on: SSE4.1 on x86-64, and every other architecture.
  case any
  /// x86-64-v3.
  case avx2
  /// x86-64-v4.
  case avx512
  /// x86-64-v4 that multiplies bfloat16.
  case bfloat16 = "avx512-bf16"
  /// x86-64-v4 with a matrix unit for bfloat16 (AMX).
  case amx

  /// The family that this process computes for: the processor's own, or the limit if that is lower.
  public static var current: ProcessorFamily {
    switch ck_processor_family() {
    case ck_amx: .amx
    case ck_avx512_bf16: .bfloat16
    case ck_avx512: .avx512
    case ck_avx2: .avx2
    default: .any
    }
  }

  /// The extensions that our kernels of this family are compiled with, besides what every processor of the architecture has.
  public var features: [String] {
    #if arch(arm64)
      return ["neon"]
    #else
      let avx512 = ["avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"]
      return switch self {
      case .any: ["sse4_1"]
      case .avx2: ProcessorFamily.any.features + ["avx", "avx2", "bmi2", "f16c", "fma"]
      case .avx512: ProcessorFamily.avx2.features + avx512
      case .bfloat16: ProcessorFamily.avx512.features + ["avx512_bf16"]
      case .amx: ProcessorFamily.bfloat16.features + ["amx_tile", "amx_bf16"]
      }
    #endif
  }

  /// Makes the process compute as on a processor of this family at most, with our kernels and with oneDNN's: so that what other
  /// machines get is measured on this one.
  ///
  /// It is a setting of the process, to be made before the first graph is compiled.
  ///
  /// - Throws: `unsupported` where oneDNN has been used already.
  public func limitProcess() throws(LoweringError) {
    let (family, isa) =
      switch self {
      case .any: (ck_any_processor, dnnl_cpu_isa_sse41)
      case .avx2: (ck_avx2, dnnl_cpu_isa_avx2)
      case .avx512: (ck_avx512, dnnl_cpu_isa_avx512_core)
      case .bfloat16: (ck_avx512_bf16, dnnl_cpu_isa_avx512_core_bf16)
      case .amx: (ck_amx, dnnl_cpu_isa_avx512_core_amx)
      }
    guard dnnl_set_max_cpu_isa(isa) == dnnl_success else {
      throw .unsupported("a limit of the processor after oneDNN was used")
    }
    ck_limit_processor(family)
  }
}
