//go:build !noasm

#include "textflag.h"

// The assembler knows few vector instructions, so arithmetic is written as words:
// d op= n, m on four float32 each; LANE multiplies by one value of m.
#define FADD(d, n, m) WORD $(0x4E20D400 | m<<16 | n<<5 | d)
#define FADDP(d, n, m) WORD $(0x6E20D400 | m<<16 | n<<5 | d)
#define FMUL(d, n, m) WORD $(0x6E20DC00 | m<<16 | n<<5 | d)
#define FMLA(d, n, m) WORD $(0x4E20CC00 | m<<16 | n<<5 | d)
#define LANE(d, n, m, lo, hi) WORD $(0x4F801000 | hi<<11 | lo<<21 | m<<16 | n<<5 | d)

// ROW adds lane lo+2·hi of register m times V26 to V28 to a row of the tile.
#define ROW(r, m, lo, hi) LANE(r, 26, m, lo, hi) \
	LANE((r+1), 27, m, lo, hi) \
	LANE((r+2), 28, m, lo, hi)

// SET writes a row of the tile to c, ADDTO adds it.
#define SET(x, y, z) VST1 [x.S4, y.S4, z.S4], (R0) \
	ADD R1, R0
#define ADDTO(r, x, y, z) VLD1 (R0), [V29.S4, V30.S4, V31.S4] \
	FADD(r, r, 29) \
	FADD((r+1), (r+1), 30) \
	FADD((r+2), (r+2), 31) \
	SET(x, y, z)

// func gemmNEON(c []float32, ldc int, a, b []float32, k int, add bool)
// keeps a tile of 8 rows and 12 columns in V0 to V23.
TEXT ·gemmNEON(SB), NOSPLIT, $0-89
	MOVD c_base+0(FP), R0
	MOVD ldc+24(FP), R1
	LSL  $2, R1
	MOVD a_base+32(FP), R2
	MOVD b_base+56(FP), R3
	MOVD k+80(FP), R4
	MOVBU add+88(FP), R5
	VEOR V0.B16, V0.B16, V0.B16
	VEOR V1.B16, V1.B16, V1.B16
	VEOR V2.B16, V2.B16, V2.B16
	VEOR V3.B16, V3.B16, V3.B16
	VEOR V4.B16, V4.B16, V4.B16
	VEOR V5.B16, V5.B16, V5.B16
	VEOR V6.B16, V6.B16, V6.B16
	VEOR V7.B16, V7.B16, V7.B16
	VEOR V8.B16, V8.B16, V8.B16
	VEOR V9.B16, V9.B16, V9.B16
	VEOR V10.B16, V10.B16, V10.B16
	VEOR V11.B16, V11.B16, V11.B16
	VEOR V12.B16, V12.B16, V12.B16
	VEOR V13.B16, V13.B16, V13.B16
	VEOR V14.B16, V14.B16, V14.B16
	VEOR V15.B16, V15.B16, V15.B16
	VEOR V16.B16, V16.B16, V16.B16
	VEOR V17.B16, V17.B16, V17.B16
	VEOR V18.B16, V18.B16, V18.B16
	VEOR V19.B16, V19.B16, V19.B16
	VEOR V20.B16, V20.B16, V20.B16
	VEOR V21.B16, V21.B16, V21.B16
	VEOR V22.B16, V22.B16, V22.B16
	VEOR V23.B16, V23.B16, V23.B16
	CBZ  R4, store

loop:
	VLD1.P 32(R2), [V24.S4, V25.S4]
	VLD1.P 48(R3), [V26.S4, V27.S4, V28.S4]
	ROW(0, 24, 0, 0)
	ROW(3, 24, 1, 0)
	ROW(6, 24, 0, 1)
	ROW(9, 24, 1, 1)
	ROW(12, 25, 0, 0)
	ROW(15, 25, 1, 0)
	ROW(18, 25, 0, 1)
	ROW(21, 25, 1, 1)
	SUB $1, R4
	CBNZ R4, loop

store:
	CBZ R5, set
	ADDTO(0, V0, V1, V2)
	ADDTO(3, V3, V4, V5)
	ADDTO(6, V6, V7, V8)
	ADDTO(9, V9, V10, V11)
	ADDTO(12, V12, V13, V14)
	ADDTO(15, V15, V16, V17)
	ADDTO(18, V18, V19, V20)
	ADDTO(21, V21, V22, V23)
	RET

set:
	SET(V0, V1, V2)
	SET(V3, V4, V5)
	SET(V6, V7, V8)
	SET(V9, V10, V11)
	SET(V12, V13, V14)
	SET(V15, V16, V17)
	SET(V18, V19, V20)
	SET(V21, V22, V23)
	RET

// func dotBlocks(x, y []float32) float32, of a multiple of 16 values
TEXT ·dotBlocks(SB), NOSPLIT, $0-52
	MOVD x_base+0(FP), R0
	MOVD x_len+8(FP), R2
	MOVD y_base+24(FP), R1
	VEOR V16.B16, V16.B16, V16.B16
	VEOR V17.B16, V17.B16, V17.B16
	VEOR V18.B16, V18.B16, V18.B16
	VEOR V19.B16, V19.B16, V19.B16
	CBZ  R2, sum

loop:
	VLD1.P 64(R0), [V0.S4, V1.S4, V2.S4, V3.S4]
	VLD1.P 64(R1), [V4.S4, V5.S4, V6.S4, V7.S4]
	FMLA(16, 0, 4)
	FMLA(17, 1, 5)
	FMLA(18, 2, 6)
	FMLA(19, 3, 7)
	SUB $16, R2
	CBNZ R2, loop

sum:
	FADD(16, 16, 17)
	FADD(18, 18, 19)
	FADD(16, 16, 18)
	FADDP(16, 16, 16)
	FADDP(16, 16, 16)
	FMOVS F16, ret+48(FP)
	RET

// func axpbyBlocks(y []float32, a float32, x []float32, b float32), of a multiple of 16 values
TEXT ·axpbyBlocks(SB), NOSPLIT, $0-60
	MOVD y_base+0(FP), R0
	MOVD y_len+8(FP), R2
	MOVWU a+24(FP), R3
	VDUP R3, V20.S4
	MOVD x_base+32(FP), R1
	MOVWU b+56(FP), R3
	VDUP R3, V21.S4
	CBZ  R2, done

loop:
	VLD1 (R0), [V0.S4, V1.S4, V2.S4, V3.S4]
	VLD1.P 64(R1), [V4.S4, V5.S4, V6.S4, V7.S4]
	FMUL(0, 0, 21)
	FMUL(1, 1, 21)
	FMUL(2, 2, 21)
	FMUL(3, 3, 21)
	FMLA(0, 4, 20)
	FMLA(1, 5, 20)
	FMLA(2, 6, 20)
	FMLA(3, 7, 20)
	VST1.P [V0.S4, V1.S4, V2.S4, V3.S4], 64(R0)
	SUB $16, R2
	CBNZ R2, loop

done:
	RET

// func mulBlocks(out []float32, a float32, x, y []float32), of a multiple of 16 values
TEXT ·mulBlocks(SB), NOSPLIT, $0-80
	MOVD out_base+0(FP), R0
	MOVD out_len+8(FP), R3
	MOVWU a+24(FP), R4
	VDUP R4, V20.S4
	MOVD x_base+32(FP), R1
	MOVD y_base+56(FP), R2
	CBZ  R3, done

loop:
	VLD1.P 64(R1), [V0.S4, V1.S4, V2.S4, V3.S4]
	VLD1.P 64(R2), [V4.S4, V5.S4, V6.S4, V7.S4]
	FMUL(0, 0, 20)
	FMUL(1, 1, 20)
	FMUL(2, 2, 20)
	FMUL(3, 3, 20)
	FMUL(0, 0, 4)
	FMUL(1, 1, 5)
	FMUL(2, 2, 6)
	FMUL(3, 3, 7)
	VST1.P [V0.S4, V1.S4, V2.S4, V3.S4], 64(R0)
	SUB $16, R3
	CBNZ R3, loop

done:
	RET
