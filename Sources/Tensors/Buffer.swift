import Glibc

/// An owned block of memory, aligned to 64 bytes (a cache line and an AVX-512 register) and zeroed.
///
/// The pointer is valid for as long as the buffer lives; the buffer has exactly one owner.
@safe
public struct Buffer: ~Copyable {
  /// The alignment of the first byte, in bytes.
  public static let alignment = 64
  /// From this many bytes on, a buffer is aligned to a huge page and asks the kernel for huge pages: strided access then
  /// misses the TLB less often. Where the kernel has none to give, nothing changes.
  private static let hugePageByteCount = 2 << 20

  /// The number of usable bytes.
  public let byteCount: Int
  private let base: UnsafeMutableRawPointer

  /// Allocates `byteCount` zeroed bytes; 0 is allowed.
  public init(byteCount: Int) {
    precondition(byteCount >= 0, "A buffer of \(byteCount) bytes.")
    self.byteCount = byteCount
    let rounded = max(1, byteCount)
    let isLarge = rounded >= Buffer.hugePageByteCount
    unsafe base = UnsafeMutableRawPointer.allocate(
      byteCount: rounded, alignment: isLarge ? Buffer.hugePageByteCount : Buffer.alignment)
    if isLarge { unsafe madvise(base, rounded, MADV_HUGEPAGE) }
    unsafe base.initializeMemory(as: UInt8.self, repeating: 0, count: rounded)
  }

  deinit { unsafe base.deallocate() }

  /// The first byte. Callers keep the buffer alive while they use it.
  @unsafe public var pointer: UnsafeMutableRawPointer { unsafe base }

  /// The elements from `byteOffset` on, as float32.
  @unsafe public func floats(at byteOffset: Int = 0, count: Int) -> UnsafeMutableBufferPointer<
    Float
  > {
    precondition(byteOffset >= 0 && byteOffset + 4 * count <= byteCount, "Outside the buffer.")
    let first = unsafe (base + byteOffset).assumingMemoryBound(to: Float.self)
    return unsafe UnsafeMutableBufferPointer(start: first, count: count)
  }
}
