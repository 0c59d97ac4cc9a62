"""The five-stage Radau IIA method, order 9: nodes, matrix and the weights of its error estimate.

The nodes are the roots of d^4/dx^4 [x^4 (x-1)^5]; the matrix follows from collocation,
sum_j a_ij c_j^(k-1) = c_i^k / k. The estimate compares with the quadrature of order 5 on the nodes 0, c1..c5 whose
weight at 0 is the real eigenvalue of the matrix (Hairer and Wanner, Solving Ordinary Differential Equations II, IV.8).

Run:    python3 scripts/reference/radau.py
Writes: nothing; prints the constants of crates/model/src/ode/radau.rs.
"""

import mpmath as mp

mp.mp.dps = 40
S = 5

x = mp.taylor(lambda t: t ** (S - 1) * (t - 1) ** S, 0, 2 * S - 1)
for _ in range(S - 1):
    x = [k * x[k] for k in range(1, len(x))]
c = sorted(mp.re(r) for r in mp.polyroots(x[::-1], maxsteps=200, extraprec=200))
c[-1] = mp.mpf(1)
powers = mp.matrix(S, S)
for k in range(S):
    for j in range(S):
        powers[k, j] = c[j] ** k
a = mp.matrix(S, S)
for i in range(S):
    row = mp.lu_solve(powers, mp.matrix([c[i] ** (k + 1) / (k + 1) for k in range(S)]))
    for j in range(S):
        a[i, j] = row[j]
gamma = min((mp.re(e) for e in mp.eig(a)[0] if abs(mp.im(e)) < mp.mpf(10) ** -25), key=abs)
low = mp.lu_solve(powers, mp.matrix([mp.mpf(1) / (k + 1) - (gamma if k == 0 else 0) for k in range(S)]))


def show(values):
    return ", ".join(repr(float(v)) for v in values)


print("C", show(c))
for i in range(S):
    print("A", show([a[i, j] for j in range(S)]))
print("GAMMA", repr(float(gamma)))
print("E", show([low[j] - a[S - 1, j] for j in range(S)]))
