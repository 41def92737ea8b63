"""Certificates: made, read, and looked at from outside. The only package that imports cryptography.

    authority    a private authority for a lab or a site, and what it issues
    requests     what a charger asks to have signed, and why it is not
    folder       where its files are, what is made anew and what never is
    reading      what is in a certificate
    inspection   what a charger meets that dials a server
    charge_point what a charge point does with certificates, for the simulated ones

Serving needs none of this: the gateway's TLS is the standard library's.
"""

from solarocpp.certificates.reading import Certificate, fault_of, read_certificates, read_passed_certificate

__all__ = ["Certificate", "fault_of", "read_certificates", "read_passed_certificate"]
